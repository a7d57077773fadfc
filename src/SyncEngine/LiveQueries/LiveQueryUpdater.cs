using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Loop;

namespace SyncEngine.LiveQueries;

/// <summary>Raises events of live queries: the one place that changes <see cref="LiveQuery.State"/> and runs the effects.</summary>
sealed class LiveQueryUpdater(EngineContext context, ReadQueue reads, StreamSet streams, SchemaSignal schema, PlanValidity validity)
{
    private static readonly TimeSpan shortestPause = TimeSpan.FromMilliseconds(10);
    private readonly Timeline timeline = context.Timeline;

    /// <summary>A pause between reads is no longer than this.</summary>
    public static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(1);

    /// <summary>Results that cannot be kept any more, with the reason; their subscriptions have to end.</summary>
    public event Action<LiveQuery, SyncException>? Ended;

    /// <param name="knownUpTo">For events after which the rows are behind: the last cut at which they are right.</param>
    public void Raise(LiveQuery query, LiveQueryEvent happened, Lsn knownUpTo = default)
    {
        var (state, effects) = LiveQueryMachine.Next(query.State, happened);
        query.State = state;
        if (effects == LiveQueryEffects.None)
        {
            return;
        }

        if (effects.HasFlag(LiveQueryEffects.EndRead))
        {
            timeline.Commits.EndRead(query.Read!.LogEntry);
            query.Read = null;
            query.Result.EndRead();
        }

        if (effects.HasFlag(LiveQueryEffects.DequeueRead))
        {
            reads.Remove(query);
        }

        if (effects.HasFlag(LiveQueryEffects.ForgetRows))
        {
            query.Result.Forget();
        }

        if (effects.HasFlag(LiveQueryEffects.CatchUp))
        {
            streams.CatchUp(query.Audience);
        }

        if (effects.HasFlag(LiveQueryEffects.FallBehind))
        {
            query.Result.Invalidate();
            streams.FallBehind(query.Audience, knownUpTo);
        }

        if (effects.HasFlag(LiveQueryEffects.Postpone))
        {
            var pause = shortestPause * Math.Pow(2, Math.Min(query.Retries++, 10));
            query.NotReadBefore = timeline.Now + Shorter(pause, LongestPause);
        }

        if (effects.HasFlag(LiveQueryEffects.QueueRead))
        {
            reads.Enqueue(query);
        }
    }

    /// <summary>Marks the rows as behind: the stream says that they may have changed, but not how.</summary>
    /// <param name="knownUpTo">The last cut at which they are known.</param>
    public void FallBehind(LiveQuery query, Lsn knownUpTo) =>
        Raise(query, query.Audience.IsEmpty ? LiveQueryEvent.ChangedUnattended : LiveQueryEvent.Changed, knownUpTo);

    /// <summary>Invalidates the plan: no read starts until the query has another one. The caller asks for that.</summary>
    public void Invalidate(LiveQuery query)
    {
        Raise(query, LiveQueryEvent.PlanInvalidated);
        FallBehind(query, timeline.Position);
    }

    /// <summary>Has a plan made again that was made while the schema changed; its query is not read before.</summary>
    public void InvalidateIfOutdated(LiveQuery query)
    {
        if (!query.State.IsSuspended && validity.IsOutdated(query.Plan))
        {
            Invalidate(query);
            schema.RequestRefresh();
        }
    }

    /// <summary>Has the plan made again because PostgreSQL now refuses a read that it allowed before.</summary>
    public void ReplanAfterRefusal(LiveQuery query)
    {
        Invalidate(query);
        schema.RequestRefresh();
    }

    public void End(LiveQuery query, SyncException reason) => Ended?.Invoke(query, reason);

    public static TimeSpan Shorter(TimeSpan left, TimeSpan right) => left < right ? left : right;
}
