namespace SyncEngine.Postgres.Outbox;

/// <summary>How far an outbox was numbered by the last look that changed anything.</summary>
/// <param name="Highest">The highest sequence_id that was visible.</param>
/// <param name="Seen">The snapshot, in PostgreSQL's text; null before the first.</param>
/// <param name="Writer">That look's own transaction: what it wrote did not come late.</param>
public sealed record OutboxProgress(long Highest, string? Seen, string? Writer);

/// <summary>A row that nobody has in work.</summary>
/// <param name="Bytes">About what data and headers take.</param>
/// <param name="WasLocked">A node that is gone had it in work and may have sent it: its id is final.</param>
/// <param name="IsNew">The last look did not see it.</param>
public readonly record struct WaitingRow(long Id, string Channel, long Bytes, bool WasLocked, bool IsNew);

/// <summary>What one look at the outbox found, all in one snapshot.</summary>
/// <param name="Progress">As the last look left it.</param>
/// <param name="Highest">The highest visible sequence_id now.</param>
/// <param name="Snapshot">In PostgreSQL's text.</param>
/// <param name="LiveNodes">Ids of the nodes whose time has not run out.</param>
/// <param name="Waiting">In order of id: rows of channels that were asked for, and those that are new.</param>
/// <param name="IsCut">There are more waiting rows than were asked for.</param>
/// <param name="Late">Rows, of any channel, that appeared below an id which had been visible before; in order of id.</param>
/// <param name="IsLateCut">There are more late rows.</param>
/// <param name="BusyChannels">Channels with rows that another live node has in work.</param>
/// <param name="Tombstones">Processed rows that are still there.</param>
public sealed record OutboxLook(
    OutboxProgress Progress,
    long Highest,
    string Snapshot,
    IReadOnlyList<string> LiveNodes,
    IReadOnlyList<WaitingRow> Waiting,
    bool IsCut,
    IReadOnlyList<WaitingRow> Late,
    bool IsLateCut,
    IReadOnlySet<string> BusyChannels,
    IReadOnlyList<long> Tombstones);

/// <summary>What to write for a row: its final id, and whether this node takes it.</summary>
public readonly record struct RowDecision(long Id, long FinalId, bool IsTaken);

/// <summary>A row in work, whole.</summary>
/// <param name="Data">JSON text; null for NULL.</param>
/// <param name="Headers">JSON text; null for NULL.</param>
public sealed record OutboxRow(long Id, string Channel, string MutationId, string Name, bool IsRejected, string? Data, string? Headers);
