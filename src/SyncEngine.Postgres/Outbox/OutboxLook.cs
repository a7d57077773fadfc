namespace SyncEngine.Postgres.Outbox;

/// <summary>How far an outbox was numbered by the last look that found anything new.</summary>
/// <param name="Highest">The highest sequence_id that was visible.</param>
/// <param name="Horizon">Every transaction below had ended; null before the first look.</param>
public sealed record OutboxProgress(long Highest, long? Horizon);

/// <summary>A row that nobody has in work.</summary>
/// <param name="Bytes">About what data and headers take.</param>
/// <param name="IsFixed">Its id is final: an earlier look has numbered it, or a node that is gone had it in work and may have sent it.</param>
/// <param name="IsOwn">The asking node has it locked already: a claim of which it never heard that it was committed.</param>
public readonly record struct WaitingRow(long Id, string Channel, long Bytes, bool IsFixed, bool IsOwn = false);

/// <summary>What one look at the outbox found, all in one snapshot.</summary>
/// <param name="Progress">As the last look left it.</param>
/// <param name="Highest">The highest visible sequence_id now.</param>
/// <param name="Horizon">Every transaction below has ended now.</param>
/// <param name="LiveNodes">Ids of the nodes whose time has not run out.</param>
/// <param name="Own">Rows that the asking node has locked, if it asked for them, in order of id.</param>
/// <param name="Known">Rows that an earlier look has seen, of the channels that were asked for, in order of id.</param>
/// <param name="IsKnownCut">There are more of those.</param>
/// <param name="New">Rows that no earlier look has seen, of any channel, in order of id.</param>
/// <param name="IsNewCut">There are more of those.</param>
/// <param name="BusyChannels">Channels with rows that another live node has in work.</param>
/// <param name="Tombstones">Processed rows that are still there.</param>
/// <param name="Cost">What the look took in the database, without the wait for rounds of others.</param>
public sealed record OutboxLook(
    OutboxProgress Progress,
    long Highest,
    long Horizon,
    IReadOnlyList<string> LiveNodes,
    IReadOnlyList<WaitingRow> Own,
    IReadOnlyList<WaitingRow> Known,
    bool IsKnownCut,
    IReadOnlyList<WaitingRow> New,
    bool IsNewCut,
    IReadOnlySet<string> BusyChannels,
    IReadOnlyList<long> Tombstones,
    TimeSpan Cost = default);

/// <summary>What to write for a row: its final id, and whether this node takes it. Either way the id is fixed.</summary>
public readonly record struct RowDecision(long Id, long FinalId, bool IsTaken);

/// <summary>Rows that were given numbers, and the highest id that is visible with them.</summary>
public readonly record struct NumberedRows(int Count, long Highest);

/// <summary>A row in work, whole.</summary>
/// <param name="Data">JSON text; null for NULL.</param>
/// <param name="Headers">JSON text; null for NULL.</param>
public sealed record OutboxRow(long Id, string Channel, string MutationId, string Name, bool IsRejected, string? Data, string? Headers);

/// <summary>A row that is done with, by what tells it from one that has taken its id in a recreated table.</summary>
public readonly record struct SettledRow(long Id, string MutationId);
