using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>What health says of a failure. Details of PostgreSQL's errors stay behind, as they may quote rows.</summary>
static class OutboxFault
{
    public static string Of(Exception failure) => failure switch
    {
        OutboxUnavailableException or OutboxChangedException => failure.Message,
        PostgresException refused => $"PostgreSQL refuses: {refused.MessageText} (SQLSTATE {refused.SqlState})",
        _ => "the database cannot be reached",
    };
}
