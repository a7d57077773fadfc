using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The progress of the outbox where no table keeps it. It lives as long as the process, longer than nodes and tables.</summary>
/// <remarks>In a recreated table no row has been seen, but its ids continue above the highest.</remarks>
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
