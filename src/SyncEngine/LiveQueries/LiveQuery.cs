using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine.LiveQueries;

/// <summary>
/// One result that is kept live, shared by every subscription to the same plan with equal parameters. Owned by the change processor, which is
/// its only reader and writer.
/// </summary>
/// <remarks>
/// Life: registered (nothing known) → read from Postgres → fitted to the stream → live; behind whenever the stream alone cannot tell the
/// rows (a requery's table has changed, a message left a value out, the schema changed), until the next read is fitted. Unregistered with its
/// last subscription.
/// </remarks>
sealed class LiveQuery(QueryPlan plan, ImmutableArray<string?> parameters, int replayBytes)
{
    private ReplayLog? replay;

    public QueryPlan Plan { get; set; } = plan;

    public ImmutableArray<string?> Parameters { get; } = parameters;

    // There are many live queries, and most have one subscription and one attachment.
    public List<Subscription> Subscriptions { get; } = new(1);

    public List<Attachment> Attachments { get; } = new(1);

    /// <summary>Null until the first read has been fitted.</summary>
    public ResultState? State { get; set; }

    public ReplayLog Replay => replay ??= new ReplayLog(replayBytes);

    /// <summary>While behind: the last cut at which the state is right.</summary>
    public Lsn Progress { get; set; }

    /// <summary>Set through the change processor, which keeps count.</summary>
    public bool IsBehind { get; set; }

    /// <summary>Its plan is being made again; nothing is read until then.</summary>
    public bool IsSuspended { get; set; }

    public DateTimeOffset BehindSince { get; set; }

    /// <summary>Why the last read failed; the attachments have been told.</summary>
    public SyncException? Failure { get; set; }

    /// <summary>Rows of its tables are complete in transactions of this watch version and later.</summary>
    public long WatchVersion { get; set; }

    /// <summary>The read under way or waiting for the stream.</summary>
    public PendingRead? Read { get; set; }

    public bool IsReadWanted { get; set; }

    public DateTimeOffset NotReadBefore { get; set; }

    public int Retries { get; set; }

    public TimeSpan LastReadTook { get; set; }

    /// <summary>Tell the attachments the plan with the next live frame.</summary>
    public bool IsPlanNews { get; set; }

    /// <summary>The last commit that touched what it reads.</summary>
    public (Lsn Cut, long CommitTimeMicroseconds, ulong Xid) LastTouch { get; set; }

    // Incremental tier.

    /// <summary>Where changes of its table are matched; null for the other tiers.</summary>
    public QueryTemplate? Template { get; set; }

    /// <summary>The parameters as the predicate wants them: canonical UTF-8, null for NULL.</summary>
    public byte[]?[] Operands { get; set; } = [];

    /// <summary>What the transaction being processed does to the result.</summary>
    public PendingChanges? Pending { get; set; }

    public bool CanRead => IsReadWanted && Read is null && !IsSuspended;
}

/// <summary>A read of one live query, from before its snapshot until it is fitted.</summary>
sealed class PendingRead(Lsn startPosition, LinkedListNode<long> logEntry)
{
    /// <summary>What the stream had delivered when the read began; later changes are in <see cref="Changes"/>.</summary>
    public Lsn StartPosition { get; } = startPosition;

    public LinkedListNode<long> LogEntry { get; } = logEntry;

    /// <summary>What each transaction since did to the result's keys (incremental tier): upserts, and removals of keys that may not have been in it.</summary>
    public List<(ulong Xid, PendingChanges Changes)> Changes { get; } = [];

    public PgSnapshot? Snapshot { get; set; }

    public Lsn UpperBound { get; set; }

    public SnapshotResult? Result { get; set; }

    /// <summary>The plan it was read for; another one makes the answer void.</summary>
    public required QueryPlan Plan { get; init; }
}
