using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>The text of a failure for health. Details of PostgreSQL's errors are left out, because they may quote rows.</summary>
static class OutboxFault
{
    public static string Of(Exception failure) => failure switch
    {
        OutboxUnavailableException or OutboxChangedException => failure.Message,
        PostgresException refused => $"PostgreSQL refuses: {refused.MessageText} (SQLSTATE {refused.SqlState})",
        _ => "the database cannot be reached",
    };
}
