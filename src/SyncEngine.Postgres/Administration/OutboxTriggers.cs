using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Postgres.Administration;

/// <summary>Counts the triggers that wake the engine.</summary>
public static class OutboxTriggers
{
    /// <returns>The number of triggers, and of those that fire.</returns>
    public static async Task<(int All, int Firing)> CountAsync(
        NpgsqlConnection connection, OutboxNames names, CancellationToken cancellationToken)
    {
        var triggers = await TableShape.WakingTriggersAsync(connection, names, cancellationToken);
        return (triggers.Count, triggers.Count(trigger => trigger.Fires));
    }
}
