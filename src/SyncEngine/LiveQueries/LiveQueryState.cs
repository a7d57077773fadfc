namespace SyncEngine.LiveQueries;

/// <summary>The life of a live query at one moment. docs/LIVE-QUERY-STATES.md has the table of states and events.</summary>
/// <param name="Rows">The knowledge of its rows.</param>
/// <param name="Read">The stage of its read.</param>
/// <param name="IsSuspended">Its plan is being made again: no read starts until then.</param>
readonly record struct LiveQueryState(RowsState Rows, ReadState Read, bool IsSuspended)
{
    /// <summary>Registered, and never read.</summary>
    public static readonly LiveQueryState Initial = new(RowsState.Unknown, ReadState.Idle, IsSuspended: false);
}

/// <summary>The knowledge of a result's rows.</summary>
enum RowsState : byte
{
    /// <summary>Nothing: no read has been fitted yet.</summary>
    Unknown,

    /// <summary>They are those of the last transaction.</summary>
    Current,

    /// <summary>They are those of an earlier cut, and only a read shows the newer ones.</summary>
    Behind,
}

/// <summary>The stage of a result's read.</summary>
enum ReadState : byte
{
    Idle,

    /// <summary>In the queue.</summary>
    Wanted,

    /// <summary>PostgreSQL is asked, or the stream has not passed the answer's upper bound yet.</summary>
    UnderWay,

    /// <summary>Under way, and one more is in the queue: something has changed since it began.</summary>
    UnderWayAndWanted,
}

/// <summary>Everything that happens to a live query.</summary>
enum LiveQueryEvent
{
    /// <summary>Its rows are needed: by a new attachment, the clock, the audit, or a client that has room again.</summary>
    RowsNeeded,

    /// <summary>The stream says that the rows may have changed, but not how, and a stream shows them.</summary>
    Changed,

    /// <summary>The same, and no stream shows them.</summary>
    ChangedUnattended,

    /// <summary>Its read has been taken from the queue.</summary>
    ReadStarted,

    /// <summary>The rows of its read are right at the stream's position.</summary>
    ReadFitted,

    /// <summary>The rows of its read are right up to an earlier cut.</summary>
    ReadFittedBehind,

    /// <summary>Its read cannot be used; the next one may start at once.</summary>
    ReadDiscarded,

    /// <summary>Its read cannot be used; the next one waits a moment.</summary>
    ReadPostponed,

    /// <summary>PostgreSQL refused its read; the next change asks again.</summary>
    ReadFailed,

    /// <summary>Its read is given up, in the queue or under way.</summary>
    ReadCancelled,

    /// <summary>Its plan may not hold any more.</summary>
    PlanInvalidated,

    /// <summary>It has a plan that holds.</summary>
    PlanReplaced,

    /// <summary>The server is on another history: the rows are none of it.</summary>
    HistoryReplaced,
}

/// <summary>The effects of an event, for <see cref="LiveQueryUpdater"/> to run.</summary>
[Flags]
enum LiveQueryEffects
{
    None = 0,

    /// <summary>The rows fall behind: their streams hold the cut.</summary>
    FallBehind = 1,

    /// <summary>The rows are current: their streams go on.</summary>
    CatchUp = 2,

    /// <summary>Put its read into the queue.</summary>
    QueueRead = 4,

    /// <summary>Take its read out of the queue.</summary>
    DequeueRead = 8,

    /// <summary>End the read under way.</summary>
    EndRead = 16,

    /// <summary>The next read waits a moment, longer each time.</summary>
    Postpone = 32,

    /// <summary>Forget the rows.</summary>
    ForgetRows = 64,
}
