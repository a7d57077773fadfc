using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Ably;

/// <summary>
/// The health of publishing as a whole: down when credentials are refused, or when Ably has not been reached for a while. A blocked channel
/// does not count.
/// </summary>
sealed class AblyHealth(TimeProvider time, ILogger logger)
{
    /// <summary>The time without a success after which failures are no longer single ones.</summary>
    private static readonly TimeSpan failureTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock access = new(); // requests end beside each other
    private DateTimeOffset? failingSince;
    private string? failingChannel;
    private bool isPaused;

    public HealthPart Part { get; } = new("outbox.ably", time);

    /// <summary>
    /// True while a check of Ably would be useful. After a publish whose credentials were refused, only another publish is.
    /// </summary>
    public bool IsOpen => Part.State.Status is not HealthStatus.Up && !isPaused;

    public void Succeeded()
    {
        lock (access)
        {
            (failingSince, failingChannel, isPaused) = (null, null, false);
            if (Part.State.Status is not HealthStatus.Up)
            {
                Part.Up();
                Log.CameUp(logger);
            }
        }
    }

    /// <summary>A check without publishing has succeeded.</summary>
    public void CheckSucceeded()
    {
        if (IsOpen)
        {
            Succeeded();
        }
    }

    public void CheckFailed(Refusal refusal)
    {
        lock (access)
        {
            failingSince ??= time.GetUtcNow();
            if (refusal.Kind is RefusalKind.Pause || time.GetUtcNow() - failingSince >= failureTimeout)
            {
                Down(refusal.Reason);
            }
            else
            {
                ReportAtStart(refusal);
            }
        }
    }

    /// <param name="channel">Null when the request was about no single channel, so that its failure is Ably's.</param>
    public void Failed(Refusal refusal, string? channel)
    {
        lock (access)
        {
            if (refusal.Kind is RefusalKind.Pause)
            {
                isPaused = true;
                Down(refusal.Reason);
                return;
            }

            if (refusal.Kind is not RefusalKind.Retry || !IsOfAll(refusal, channel))
            {
                return;
            }

            if (time.GetUtcNow() - failingSince >= failureTimeout)
            {
                Down(refusal.Reason);
            }
            else
            {
                ReportAtStart(refusal);
            }
        }
    }

    /// <summary>Ably cannot be reached at all, or it answers two channels or more with server errors.</summary>
    private bool IsOfAll(Refusal refusal, string? channel)
    {
        var isUnreachable = refusal.Code is "unreachable" or "timeout" or AblyErrors.NotAbly;
        if (!isUnreachable && !refusal.Code.StartsWith('5') && !refusal.Code.StartsWith("http_5", StringComparison.Ordinal))
        {
            return false; // it was reached, and the error is about this channel
        }

        failingSince ??= time.GetUtcNow();
        failingChannel ??= channel;
        return isUnreachable || channel is null || !string.Equals(channel, failingChannel, StringComparison.Ordinal);
    }

    /// <summary>Shows the first failure at once while the part is still starting.</summary>
    private void ReportAtStart(Refusal refusal)
    {
        if (Part.State.Status is HealthStatus.Starting)
        {
            Part.Starting(refusal.Reason);
        }
    }

    private void Down(string reason)
    {
        if (Part.State.Status is not HealthStatus.Down)
        {
            Log.WentDown(logger, reason);
        }

        Part.Down(reason);
    }
}
