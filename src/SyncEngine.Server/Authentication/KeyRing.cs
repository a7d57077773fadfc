using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace SyncEngine.Server.Authentication;

/// <summary>Reads all keys of a source that can change.</summary>
delegate Task<IReadOnlyList<VerificationKey>> KeyFetch(CancellationToken cancellationToken);

/// <summary>The keys of one read, as the JWT library passes them around.</summary>
sealed class KeyConfiguration(IReadOnlyList<VerificationKey> keys) : BaseConfiguration
{
    public IReadOnlyList<VerificationKey> Keys => keys;
}

/// <summary>
/// The keys that tokens are verified with: those of the configuration, and those of a file or an endpoint. The latter are read again every
/// <see cref="refreshInterval"/>, and when the JWT library asks for it because no key verified a token.
/// </summary>
/// <remarks>
/// Lifecycle: lives as long as the host. Backpressure: one fetch at a time, and one per <see cref="minPause"/>; callers wait for it.
/// Stored: the keys last read, used for up to <see cref="maxAge"/> while the endpoint does not answer. After a crash: read again.
/// Why not the library's ConfigurationManager: docs/decisions/authentication-by-the-framework.md.
/// </remarks>
sealed class KeyRing : BaseConfigurationManager, IDisposable
{
    private static readonly TimeSpan refreshInterval = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan minPause = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan maxAge = TimeSpan.FromHours(24);
    private static readonly KeyConfiguration empty = new([]);

    private readonly IReadOnlyList<VerificationKey> fixedKeys;
    private readonly KeyFetch? fetch;
    private readonly TimeProvider time;
    private readonly ILogger<KeyRing> logger;
    private readonly SemaphoreSlim gate = new(1);
    private volatile FetchedKeys? fetched;
    private volatile bool isRefreshRequested;
    private DateTimeOffset lastAttempt = DateTimeOffset.MinValue; // guarded by the gate

    /// <param name="fetch">Reads the keys that can change; null when all are fixed.</param>
    public KeyRing(IReadOnlyList<VerificationKey> fixedKeys, KeyFetch? fetch, TimeProvider time, ILogger<KeyRing> logger)
    {
        (this.fixedKeys, this.fetch, this.time, this.logger) = (fixedKeys, fetch, time, logger);
        // A key that its issuer has withdrawn verifies nothing, also not for an hour.
        UseLastKnownGoodConfiguration = false;
    }

    /// <summary>Some key is a shared secret with fewer bytes than RFC 7518 asks for.</summary>
    public bool HasShortSecret => fixedKeys.Any(key => key.IsShortSecret);

    /// <summary>The source of keys could not be read so far, or not for too long.</summary>
    public bool IsUnavailable => fetch is not null && Usable is null;

    private FetchedKeys? Usable => fetched is { } known && time.GetUtcNow() - known.At <= maxAge ? known : null;

    /// <summary>The keys that may have signed a token with this algorithm and key id.</summary>
    /// <param name="configuration">The answer of <see cref="GetBaseConfigurationAsync"/>.</param>
    public IEnumerable<SecurityKey> Find(string algorithm, string? keyId, BaseConfiguration? configuration) => fixedKeys
        .Concat((configuration as KeyConfiguration)?.Keys ?? [])
        .Where(key => string.Equals(key.Algorithm, algorithm, StringComparison.Ordinal))
        .Where(key => keyId is null || key.Id is null || string.Equals(key.Id, keyId, StringComparison.Ordinal))
        .Select(key => key.Key);

    /// <summary>The keys last read; read again first when they are old or a refresh was requested.</summary>
    public override async Task<BaseConfiguration> GetBaseConfigurationAsync(CancellationToken cancel)
    {
        if (fetch is null)
        {
            return empty;
        }

        if (isRefreshRequested || fetched is not { } known || time.GetUtcNow() - known.At > refreshInterval)
        {
            await RefreshAsync(fetch, cancel);
        }

        return Usable?.Configuration ?? empty;
    }

    /// <summary>Has the next call read the keys, at the earliest <see cref="minPause"/> after the last read.</summary>
    public override void RequestRefresh() => isRefreshRequested = true;

    public void Dispose() => gate.Dispose();

    private async Task RefreshAsync(KeyFetch read, CancellationToken cancellationToken)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            var now = time.GetUtcNow();
            if (now - lastAttempt < minPause)
            {
                return;
            }

            lastAttempt = now;
            isRefreshRequested = false;
            fetched = new FetchedKeys(new KeyConfiguration(await read(cancellationToken)), now);
        }
        catch (Exception exception) when (
            exception is HttpRequestException or IOException or UnauthorizedAccessException or FormatException or JsonException
            || (exception is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            AuthenticationLog.KeysNotRead(logger, exception.Message);
        }
        finally
        {
            gate.Release();
        }
    }

    private sealed record FetchedKeys(KeyConfiguration Configuration, DateTimeOffset At);
}
