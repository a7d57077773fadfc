using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Tiers;

namespace SyncEngine.LiveQueries;

/// <summary>
/// One result that is kept live, shared by every subscription to the same plan with equal parameters. Owned by the loop.
/// </summary>
/// <remarks>Its life is <see cref="State"/>, changed by <see cref="LiveQueryUpdater"/> alone. It ends with its last subscription.</remarks>
sealed class LiveQuery(QueryPlan plan, ImmutableArray<string?> parameters, int replayBytes) : ITierQuery
{
    public QueryPlan Plan { get; private set; } = plan;

    public ImmutableArray<string?> Parameters { get; } = parameters;

    public LiveQueryState State { get; set; } = LiveQueryState.Initial;

    /// <summary>The rows as the plan's tier keeps them; replaced with the plan.</summary>
    public TierResult Result { get; private set; } = null!;

    /// <summary>The attachments that show it.</summary>
    public Audience Audience { get; } = new(replayBytes);

    // There are many live queries, and most have one subscription.
    public List<Subscription> Subscriptions { get; } = new(1);

    /// <summary>The reason why the last read failed; null after one that did not.</summary>
    public SyncException? Failure { get; set; }

    /// <summary>Rows of its relations are complete in transactions of this watch version and later.</summary>
    public long WatchVersion { get; set; }

    /// <summary>The read under way or waiting for the stream.</summary>
    public PendingRead? Read { get; set; }

    public DateTimeOffset NotReadBefore { get; set; }

    /// <summary>Reads in a row that could not be used.</summary>
    public int Retries { get; set; }

    public TimeSpan LastReadDuration { get; set; }

    /// <summary>The next <c>live</c> frame carries the plan.</summary>
    public bool IsPlanChanged { get; set; }

    public bool CanStartRead => State is { Read: ReadState.Wanted, IsSuspended: false };

    ImmutableArray<uint> ITierQuery.Relations => Plan.Tables;

    bool ITierQuery.ReadsAnything => Plan.ReadsAnything;

    bool ITierQuery.IsOrdered => Plan.IsOrdered;

    /// <summary>Puts it on a plan's tier. Rows that are known go on under the new plan.</summary>
    public void Use(QueryPlan plan, TierSet tiers)
    {
        var known = Result?.Rows;
        Plan = plan;
        Result = tiers.Add(plan.Tier, this, known);
    }
}

/// <summary>A read of one live query, from before its snapshot until it is fitted.</summary>
/// <param name="start">The stream's position when the read began.</param>
/// <param name="plan">The plan it was read for; another one makes the answer void.</param>
sealed class PendingRead(Lsn start, LinkedListNode<long> logEntry, QueryPlan plan)
{
    public Lsn Start { get; } = start;

    public LinkedListNode<long> LogEntry { get; } = logEntry;

    public QueryPlan Plan { get; } = plan;

    public PgSnapshot? Snapshot { get; set; }

    /// <summary>Every transaction that the rows show ends below it.</summary>
    public Lsn UpperBound { get; set; }

    public SnapshotResult? Result { get; set; }
}
