using System.Diagnostics;
using System.Globalization;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Hub;

/// <summary>
/// The engine's own hub. It stores messages in <c>sync.channel_messages</c>, from where every engine on the database delivers them.
/// </summary>
/// <remarks>
/// Lifecycle: from construction to disposal it deletes expired messages, and so notices whether the table is there.
/// Stored: messages for <c>SyncEngine:Outbox:HubRetention</c>. After a crash the same messages may come again; they are stored once.
/// </remarks>
public sealed class HubTarget : IMessageTarget
{
    private static readonly TimeSpan shortestInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan longestInterval = TimeSpan.FromSeconds(30);

    private readonly ChannelMessages messages;
    private readonly TimeProvider time;
    private readonly HealthPart health;
    private readonly CancellationTokenSource stopping = new();
    private readonly Task sweeping;

    public HubTarget(ChannelMessages messages, TimeProvider time)
    {
        this.messages = messages;
        this.time = time;
        health = new HealthPart("outbox.hub", time);
        sweeping = Task.Run(() => SweepAsync(stopping.Token));
    }

    public string Name => "hub";

    public IHealthPart Health => health;

    public int MessagesPerCall => 100;

    public async Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> outbound, CancellationToken cancellationToken)
    {
        if (!ChannelFeed.IsName(outbound[0].Channel))
        {
            return new PublishResult(0, new Refusal(RefusalKind.Never, "invalid_channel", ChannelFeed.NameRule));
        }

        // A message without a valid id ends the run before it.
        var stored = new List<ChannelMessage>(outbound.Count);
        foreach (var message in outbound)
        {
            if (!long.TryParse(message.Id, NumberStyles.None, CultureInfo.InvariantCulture, out var id))
            {
                break;
            }

            stored.Add(new ChannelMessage(id, message.Name, message.Data, message.Headers));
        }

        var result = stored.Count == 0 ? new StoreResult(0) : await messages.StoreAsync(outbound[0].Channel, stored, cancellationToken);
        Report(result.Failure);
        return result switch
        {
            { Failure: { } failure } => new PublishResult(result.Stored, new Refusal(KindOf(failure.Kind), failure.Code, failure.Reason)),
            _ when stored.Count < outbound.Count =>
                new PublishResult(
                    result.Stored, new Refusal(RefusalKind.Never, "invalid_id", "the id is not a number of PostgreSQL's type bigint")),
            _ => new PublishResult(result.Stored),
        };
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        await sweeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
    }

    private async Task SweepAsync(CancellationToken cancellationToken)
    {
        var interval = messages.Retention / 10;
        interval = interval < shortestInterval ? shortestInterval : interval > longestInterval ? longestInterval : interval;
        // Short, because a missing table is most often about to be made.
        var retry = new Retry(shortestInterval, shortestInterval, RetryClock.ForProcess(time));
        while (true)
        {
            var failure = await messages.SweepAsync(cancellationToken);
            Report(failure);
            await (failure is null ? Task.Delay(interval, time, cancellationToken) : retry.PauseAsync(cancellationToken));
        }
    }

    /// <summary>A message that PostgreSQL cannot hold is not a fault of the target.</summary>
    private void Report(StoreFailure? failure)
    {
        if (failure is null or { Kind: StoreFailureKind.Unfit })
        {
            health.Up();
        }
        else
        {
            health.Down(failure.Reason);
        }
    }

    private static RefusalKind KindOf(StoreFailureKind kind) => kind switch
    {
        StoreFailureKind.Unavailable => RefusalKind.Retry,
        StoreFailureKind.NotReady => RefusalKind.Pause,
        StoreFailureKind.Unfit => RefusalKind.Never,
        _ => throw new UnreachableException(),
    };
}
