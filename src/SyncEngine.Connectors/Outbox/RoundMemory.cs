using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// How far the outbox was numbered, where no table keeps it: for as long as the process lives, whatever becomes of its nodes and of the table. In a recreated table nothing has been
/// seen, but its ids go on above the highest.
/// </summary>
sealed class RoundMemory
{
    private OutboxProgress? progress;
    private uint oid;

    public OutboxProgress? ProgressOf(uint table) => table == oid ? progress : progress is null ? null : progress with { Horizon = null };

    /// <param name="next">Null where it has not changed.</param>
    public void Keep(uint table, OutboxProgress? next)
    {
        if (next is not null)
        {
            progress = next with { Highest = Math.Max(next.Highest, progress?.Highest ?? 0) };
            oid = table;
        }
    }
}
