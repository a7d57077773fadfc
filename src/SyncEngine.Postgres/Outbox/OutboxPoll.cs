namespace SyncEngine.Postgres.Outbox;

/// <summary>The progress of an outbox: how far it was numbered by the last poll that found anything new.</summary>
/// <param name="Highest">The highest sequence_id that was visible.</param>
/// <param name="Horizon">Every transaction below had ended; null before the first poll.</param>
public sealed record OutboxProgress(long Highest, long? Horizon);

/// <summary>A row that no node has in work.</summary>
/// <param name="Bytes">About what data and headers take.</param>
/// <param name="IsFixed">Its id is final: an earlier poll numbered it, or a node that is gone had it in work and may have sent it.</param>
/// <param name="IsOwn">The asking node has locked it already, by a claim whose commit was never confirmed.</param>
public readonly record struct WaitingRow(long Id, string Channel, long Bytes, bool IsFixed, bool IsOwn = false);

/// <summary>The question of a poll.</summary>
/// <param name="Node">The asking node.</param>
/// <param name="Remembered">The progress, where no table keeps it; null before the first poll.</param>
/// <param name="LeftOutChannels">Channels whose known rows are left out. Their new rows are returned all the same.</param>
/// <param name="WithOwn">Include rows that this node has locked, because the outcome of an earlier claim is unknown.</param>
/// <param name="Limit">The most known rows, and the most new ones.</param>
public sealed record PollRequest(
    string Node, OutboxProgress? Remembered, IReadOnlyCollection<string> LeftOutChannels, bool WithOwn, int Limit);

/// <summary>The result of one poll of the outbox, all in one snapshot.</summary>
public sealed record OutboxPoll
{
    /// <summary>The progress that the last poll left.</summary>
    public required OutboxProgress Progress { get; init; }

    /// <summary>The highest visible sequence_id now.</summary>
    public required long Highest { get; init; }

    /// <summary>Every transaction below has ended now.</summary>
    public required long Horizon { get; init; }

    /// <summary>Ids of the nodes whose registration has not expired.</summary>
    public required IReadOnlyList<string> LiveNodes { get; init; }

    /// <summary>Rows that the asking node has locked, if it asked for them, in order of id.</summary>
    public required IReadOnlyList<WaitingRow> Own { get; init; }

    /// <summary>Rows that an earlier poll has seen, of the channels that were not left out, in order of id.</summary>
    public required IReadOnlyList<WaitingRow> Known { get; init; }

    /// <summary>There are more known rows.</summary>
    public required bool IsKnownCut { get; init; }

    /// <summary>Rows that no earlier poll has seen, of any channel, in order of id.</summary>
    public required IReadOnlyList<WaitingRow> New { get; init; }

    /// <summary>There are more new rows.</summary>
    public required bool IsNewCut { get; init; }

    /// <summary>Channels with rows that another live node has in work.</summary>
    public required IReadOnlySet<string> BusyChannels { get; init; }

    /// <summary>Processed rows that are still there.</summary>
    public IReadOnlyList<long> Tombstones { get; init; } = [];

    /// <summary>The time that the poll took in the database, without the wait for other rounds.</summary>
    public TimeSpan Cost { get; init; }
}

/// <summary>The decision about a row: its final id, and whether this node takes it. Either way the id is fixed.</summary>
public readonly record struct RowDecision(long Id, long FinalId, bool IsTaken);

/// <summary>The number of rows that got a fresh id, and the highest id that is visible with them.</summary>
public readonly record struct NumberedRows(int Count, long Highest);

/// <summary>A row in work, whole.</summary>
/// <param name="Data">JSON text; null for NULL.</param>
/// <param name="Headers">JSON text; null for NULL.</param>
public sealed record OutboxRow(long Id, string Channel, string MutationId, string Name, bool IsRejected, string? Data, string? Headers);

/// <summary>A row that is finished. The mutation distinguishes it from a row of a recreated table with the same id.</summary>
public readonly record struct SettledRow(long Id, string MutationId);

/// <summary>The reason why a row becomes a dead letter.</summary>
/// <param name="Target">Its target and channel.</param>
public sealed record DeadLetter(string Target, string Code, string Error);
