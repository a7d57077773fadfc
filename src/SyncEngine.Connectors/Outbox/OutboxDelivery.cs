using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Lanes;
using SyncEngine.Connectors.Nodes;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The outbox as a source of lanes: one lane for each channel, for as long as the node has its lease.</summary>
sealed class OutboxSource(OutboxContext context, NodeLease lease) : ILaneSource<OutboxRow>
{
    public bool MaySend => lease.IsValid;

    public string LaneOf(OutboxRow item) => item.Channel;

    public IMessageTarget TargetOf(string lane) =>
        context.Connections.Routes.FirstOrDefault(route => route.Fits(lane))?.Target ?? UnroutedTarget.Instance;

    public OutboundMessage Compose(OutboxRow item) => MessageComposer.Compose(item);

    /// <summary>Polls left the channel out, so it is not known whether more rows wait.</summary>
    public void RequestMore() => context.Signal.Demand();
}

/// <summary>The settlement of outbox rows: a stored row is deleted, a refused one becomes a dead letter or blocks its channel.</summary>
/// <param name="mayDeadLetter">sync.dead_letters may be written.</param>
sealed partial class OutboxSettlement(OutboxContext context, RowsInWork inWork, SettleQueue queue, bool mayDeadLetter)
    : ISettlement<OutboxRow>
{
    public void Stored(OutboxRow item, string target)
    {
        context.Metrics.Published.Add(1, Tag("target", target));
        if (inWork.TimeOf(item.Id) is { } time)
        {
            context.Metrics.Lag.Record(time.TotalSeconds);
        }

        queue.Add(new Settlement(new SettledRow(item.Id, item.MutationId), Letter: null));
    }

    public bool TrySetAside(OutboxRow item, string target, Refusal refusal)
    {
        if (context.Options.Refused == RefusedRow.Hold || !mayDeadLetter)
        {
            return false;
        }

        Log.DeadLettered(context.Logger, item.Id, item.Channel, target, refusal.Code, refusal.Reason);
        context.Metrics.DeadLetters.Add(1, Tag("target", target), Tag("code", refusal.Code));
        var letter = new DeadLetter($"{target}:{item.Channel}", refusal.Code, refusal.Reason);
        queue.Add(new Settlement(new SettledRow(item.Id, item.MutationId), letter));
        return true;
    }

    public void Retrying(string target, Refusal refusal) =>
        context.Metrics.Retries.Add(1, Tag("target", target), Tag("code", refusal.Code));

    public void Sending(int change) => context.Health.CountUnanswered(change);

    private static KeyValuePair<string, object?> Tag(string name, string value) => new(name, value);

    private static partial class Log
    {
        [LoggerMessage(3011, LogLevel.Warning,
            "row {Id} of channel {Channel} was refused by {Target} for good and is now a dead letter: {Code} {Reason}")]
        public static partial void DeadLettered(ILogger logger, long id, string channel, string target, string code, string reason);
    }
}
