using AuthenticationOptions = SyncEngine.Server.Options.AuthenticationOptions;

namespace SyncEngine.Server.Authentication;

/// <summary>Warns at start where callers are not authenticated, or a key is weak.</summary>
sealed class AuthenticationNotice(AuthenticationOptions options, bool isEmbedded, KeyRing keys, ILogger<AuthenticationNotice> logger)
    : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.IsOff && options.Disabled)
        {
            AuthenticationLog.Disabled(logger);
        }
        else if (options.IsOff && !isEmbedded)
        {
            AuthenticationLog.LoopbackOnly(logger);
        }

        if (keys.HasShortSecret)
        {
            AuthenticationLog.ShortSecret(logger, VerificationKey.RecommendedSecretBytes);
        }

        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
