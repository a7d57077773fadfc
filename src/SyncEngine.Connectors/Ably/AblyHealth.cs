using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Ably;

/// <summary>How publishing as a whole does: down when credentials are refused, or when Ably has not been reached for a while. One channel's trouble is its own.</summary>
sealed class AblyHealth(TimeProvider time, ILogger logger)
{
    /// <summary>How long nothing must have succeeded before a row of failures is more than single ones.</summary>
    private static readonly TimeSpan patience = TimeSpan.FromSeconds(5);

    private readonly Lock access = new(); // requests end beside each other
    private DateTimeOffset? failingSince;
    private string? failingChannel;
    private bool isPaused;

    public HealthPart Part { get; } = new("outbox.ably", time);

    /// <summary>Whether asking Ably would tell something new. After a publish whose credentials were refused only another publish does.</summary>
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

    /// <summary>Ably was asked, without publishing.</summary>
    public void Proved()
    {
        if (IsOpen)
        {
            Succeeded();
        }
    }

    public void NotProved(Refusal refusal)
    {
        lock (access)
        {
            failingSince ??= time.GetUtcNow();
            if (refusal.Kind is RefusalKind.Pause || time.GetUtcNow() - failingSince >= patience)
            {
                Down(refusal.Reason);
            }
            else
            {
                TellAtStart(refusal);
            }
        }
    }

    /// <param name="channel">Null when the request was about none in particular, so that its failure is Ably's.</param>
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

            if (time.GetUtcNow() - failingSince >= patience)
            {
                Down(refusal.Reason);
            }
            else
            {
                TellAtStart(refusal);
            }
        }
    }

    /// <summary>Ably cannot be reached at all, or answers two channels or more with server errors.</summary>
    private bool IsOfAll(Refusal refusal, string? channel)
    {
        var isUnreachable = refusal.Code is "unreachable" or "timeout" or AblyErrors.NotAbly;
        if (!isUnreachable && !refusal.Code.StartsWith('5') && !refusal.Code.StartsWith("http_5", StringComparison.Ordinal))
        {
            return false; // it was reached, and had something to say about this channel
        }

        failingSince ??= time.GetUtcNow();
        failingChannel ??= channel;
        return isUnreachable || channel is null || !string.Equals(channel, failingChannel, StringComparison.Ordinal);
    }

    /// <summary>Who looks before patience has ended learns what it is waiting for.</summary>
    private void TellAtStart(Refusal refusal)
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
