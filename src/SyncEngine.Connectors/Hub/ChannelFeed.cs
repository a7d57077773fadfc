using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Hub;

/// <summary>The bounds of channel delivery.</summary>
/// <param name="StreamsPerPrincipal">One more is <c>too_many_subscriptions</c>; the engine's own principal has no bound.</param>
/// <param name="ConcurrentReads">Reads under way at once; further ones wait.</param>
public sealed record ChannelFeedOptions(int StreamsPerPrincipal, int ConcurrentReads)
{
    /// <summary>
    /// The longest time between two reads of a channel that has streams. It bounds the delay after a lost notification or a revoked
    /// privilege.
    /// </summary>
    public TimeSpan Recheck { get; init; } = TimeSpan.FromSeconds(4);
}

/// <summary>
/// Delivers the channels in <c>sync.channel_messages</c> to the streams of this process, whichever process stored the messages.
/// </summary>
/// <remarks>
/// A stream first reads by itself what it has missed, then shares a <see cref="ChannelTail"/> with the streams that may see the same.
/// Lifecycle: nothing runs until the first stream has caught up. From then on notifications wake the tails.
/// Backpressure: a stream is pulled and has no queue. A slow client reads later, from the table. If messages have expired until then, it
/// gets a <c>reset</c>.
/// Stored: nothing. After a crash clients resume on any process.
/// </remarks>
public sealed class ChannelFeed(
    ChannelMessages messages, NotificationListener listener, ChannelFeedOptions options, TimeProvider time) : IAsyncDisposable
{
    public const int LongestName = 1_024;

    internal static readonly string NameRule = $"a channel's name has 1 to {LongestName} characters of Unicode without NUL";

    private const int MessagesPerRead = 200;
    private const int BytesPerRead = 64 * 1024;

    private static readonly TimeSpan retryPause = TimeSpan.FromSeconds(1);

    private readonly Lock access = new(); // guards the fields below: streams come and go on any thread, and the listener wakes tails
    private readonly Dictionary<TailKey, ChannelTail> tails = [];
    private readonly Dictionary<string, List<ChannelTail>> byWakeUp = new(StringComparer.Ordinal);
    private readonly Dictionary<(string?, string?, string?), int> perPrincipal = [];
    private Task? listening;

    private readonly SemaphoreSlim reads = new(options.ConcurrentReads);
    private readonly RetryClock clock = RetryClock.ForProcess(time);
    private readonly CancellationTokenSource draining = new();
    private readonly CancellationTokenSource stopping = new();

    /// <summary>Streams that are open.</summary>
    public int StreamCount
    {
        get
        {
            lock (access)
            {
                return perPrincipal.Values.Sum();
            }
        }
    }

    /// <summary>Reads that several streams share.</summary>
    public int TailCount
    {
        get
        {
            lock (access)
            {
                return tails.Count;
            }
        }
    }

    internal ChannelFeedOptions Options => options;

    internal TimeProvider Time => time;

    /// <summary>A retry for reads that fail while the database is away.</summary>
    internal Retry NewRetry() => new(retryPause, retryPause, clock);

    /// <summary>Cancelled before the process ends: streams end with <c>shutting_down</c>.</summary>
    internal CancellationToken Draining => draining.Token;

    /// <summary>The frames of a channel, in batches that were ready together, until the caller stops.</summary>
    /// <param name="principal">The current principal. It is read before each batch, so that a newer token counts from then on.</param>
    /// <param name="from">The id of the last message that the client has; null for all stored messages.</param>
    /// <exception cref="SyncException">
    /// While it is read: <c>invalid_request</c>, <c>too_many_subscriptions</c>, <c>permission_denied</c>, <c>token_expired</c>,
    /// <c>shutting_down</c> and others.
    /// </exception>
    public async IAsyncEnumerable<ChannelFrame[]> StreamAsync(
        Func<Principal> principal, string? channel, string? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (!IsName(channel))
        {
            throw new SyncException(ErrorCode.InvalidRequest, NameRule);
        }

        var owner = OwnerOf(principal());
        Enter(owner, principal());
        try
        {
            await using var stream = new ChannelStream(this, principal, channel, from);
            while (true)
            {
                yield return await stream.NextAsync(cancellationToken);
            }
        }
        finally
        {
            Leave(owner);
        }
    }

    /// <summary>Ends every stream with <c>shutting_down</c>, before the endpoints close.</summary>
    public Task DrainAsync() => draining.CancelAsync();

    public async ValueTask DisposeAsync()
    {
        await draining.CancelAsync();
        await stopping.CancelAsync();
        Task? last;
        lock (access)
        {
            last = listening;
        }

        if (last is not null)
        {
            await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        // Streams that are still open own their tails, and both end by the cancelled tokens.
    }

    internal async Task<ChannelPage> ReadAsync(Principal principal, string channel, long? after, CancellationToken cancellationToken)
    {
        await reads.WaitAsync(cancellationToken);
        try
        {
            return await messages.ReadAsync(principal, channel, after, MessagesPerRead, BytesPerRead, cancellationToken);
        }
        finally
        {
            reads.Release();
        }
    }

    /// <summary>The tail that this principal's streams of the channel share; the caller releases it.</summary>
    /// <param name="position">The position that the caller has read; a new tail begins there.</param>
    internal ChannelTail Acquire(Principal principal, string channel, bool dependsOnClaims, long position)
    {
        var key = new TailKey(channel, principal.Role, dependsOnClaims, dependsOnClaims ? principal.Claims : null);
        lock (access)
        {
            ObjectDisposedException.ThrowIf(stopping.IsCancellationRequested, this);
            listening ??= Task.Run(() => ListenAsync(stopping.Token));
            if (!tails.TryGetValue(key, out var tail) || tail.HasEnded)
            {
                tail = new ChannelTail(this, key, principal, position);
                tails[key] = tail;
                var wakeUp = ChannelMessages.WakeUpOf(channel);
                if (!byWakeUp.TryGetValue(wakeUp, out var woken))
                {
                    byWakeUp.Add(wakeUp, woken = []);
                }

                woken.Add(tail);
                tail.Start(stopping.Token);
            }

            tail.Members++;
            return tail;
        }
    }

    internal ValueTask ReleaseAsync(ChannelTail tail)
    {
        lock (access)
        {
            if (--tail.Members > 0)
            {
                return ValueTask.CompletedTask;
            }

            if (tails.TryGetValue(tail.Key, out var current) && ReferenceEquals(current, tail))
            {
                tails.Remove(tail.Key);
            }

            var wakeUp = ChannelMessages.WakeUpOf(tail.Key.Channel);
            byWakeUp[wakeUp].Remove(tail);
            if (byWakeUp[wakeUp].Count == 0)
            {
                byWakeUp.Remove(wakeUp);
            }
        }

        return tail.DisposeAsync();
    }

    private void Enter((string?, string?, string?) owner, Principal principal)
    {
        lock (access)
        {
            var count = perPrincipal.GetValueOrDefault(owner);
            if (count >= options.StreamsPerPrincipal && principal != Principal.Engine)
            {
                throw new SyncException(
                    ErrorCode.TooManySubscriptions,
                    $"this principal has {count} streams of channels already",
                    hint: "Close streams that are no longer needed, or raise SyncEngine:Limits:SubscriptionsPerPrincipal.");
            }

            perPrincipal[owner] = count + 1;
        }
    }

    private void Leave((string?, string?, string?) owner)
    {
        lock (access)
        {
            if (--perPrincipal[owner] == 0)
            {
                perPrincipal.Remove(owner);
            }
        }
    }

    private async Task ListenAsync(CancellationToken cancellationToken)
    {
        await using var subscription = await listener.SubscribeAsync(ChannelMessages.Notification, cancellationToken);
        WakeAll();
        await foreach (var batch in subscription.ReadAllAsync(cancellationToken))
        {
            if (batch.HasGap)
            {
                WakeAll();
            }
            else
            {
                foreach (var payload in batch.Payloads)
                {
                    Wake(payload);
                }
            }
        }
    }

    private void Wake(string payload)
    {
        lock (access)
        {
            foreach (var tail in byWakeUp.GetValueOrDefault(payload) ?? [])
            {
                tail.Wake();
            }
        }
    }

    private void WakeAll()
    {
        lock (access)
        {
            foreach (var tail in tails.Values)
            {
                tail.Wake();
            }
        }
    }

    private static (string?, string?, string?) OwnerOf(Principal principal) => (principal.Issuer, principal.Subject, principal.Role);

    /// <summary>True for the name of a channel. Channels of other names are neither read nor written.</summary>
    internal static bool IsName([NotNullWhen(true)] string? channel) =>
        !string.IsNullOrEmpty(channel)
        && channel.Length <= LongestName
        && !channel.Contains('\0', StringComparison.Ordinal)
        && IsUnicode(channel);

    private static bool IsUnicode(string text)
    {
        for (var rest = text.AsSpan(); rest.Length > 0;)
        {
            if (System.Text.Rune.DecodeFromUtf16(rest, out _, out var length) != System.Buffers.OperationStatus.Done)
            {
                return false;
            }

            rest = rest[length..];
        }

        return true;
    }
}
