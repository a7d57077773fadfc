using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Postgres.Administration;

/// <summary>The triggers that wake the engine, for whoever watches them.</summary>
public static class OutboxTriggers
{
    /// <returns>How many there are, and how many of them fire.</returns>
    public static async Task<(int All, int Firing)> CountAsync(NpgsqlConnection connection, OutboxNames names, CancellationToken cancellationToken)
    {
        var triggers = await TableShape.WakingTriggersAsync(connection, names, cancellationToken);
        return (triggers.Count, triggers.Count(trigger => trigger.Fires));
    }
}
