using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;

namespace SyncEngine;

/// <summary>The periodic work of the loop: some at each tick, the rest once a second. Owned by the loop.</summary>
sealed class Maintenance(EngineParts parts)
{
    private const int MaxCommitsOnRecord = 20_000;
    private static readonly TimeSpan interval = TimeSpan.FromSeconds(1);
    private static readonly SyncException lagging = new(ErrorCode.QueryTimeout, "the query cannot keep up with the changes of its tables");

    private readonly Timeline timeline = parts.Context.Timeline;
    private DateTimeOffset lastRunAt;

    public void Tick(CancellationToken cancellationToken)
    {
        parts.Subscriptions.ReadWhereRoom();
        parts.Subscriptions.CloseStalled();
        parts.Results.FollowClock();
        parts.Answers.PushStream();
        parts.Streams.MarkLaggingStale(lagging);
        parts.Consumers.Acknowledge(timeline.Position);
        if (timeline.Now - lastRunAt >= interval)
        {
            lastRunAt = timeline.Now;
            Run(cancellationToken);
        }
    }

    private void Run(CancellationToken cancellationToken)
    {
        parts.Subscriptions.EndDue();
        parts.Broadcaster.DropOldReplays();
        parts.Confirmations.Forget(timeline.Now);
        parts.Results.Audit();
        parts.Gauges.Publish();
        if (timeline.Commits.Count > MaxCommitsOnRecord && !timeline.IsInterrupted)
        {
            parts.Reader.TrimCommits(cancellationToken);
        }
    }
}
