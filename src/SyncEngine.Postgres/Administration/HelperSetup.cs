using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;

namespace SyncEngine.Postgres.Administration;

/// <summary>Checks, creates and drops schema <c>sync</c> with its functions, and the event triggers that announce DDL.</summary>
static class HelperSetup
{
    private const string EventTriggerNote =
        "DDL is found by reading the catalog every few seconds; a superuser's event trigger would announce it at once";

    private static readonly string[] scripts = ["sync/schema.sql", "sync/ack.sql", "sync/reject.sql", "sync/announce_ddl.sql"];

    public static async IAsyncEnumerable<Finding> CheckAsync(
        NpgsqlConnection connection, bool isSuperuser, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var hasFunctions = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT to_regprocedure('sync.ack(text)') IS NOT NULL AND to_regprocedure('sync.reject(text,text)') IS NOT NULL",
            cancellationToken: cancellationToken));
        yield return Finding.Check(
            hasFunctions,
            "functions sync.ack and sync.reject exist",
            "functions sync.ack and sync.reject do not exist; run the command \"setup\" (sql/sync/*.sql)");

        const string CountTriggers = """
            SELECT count(*)::int FROM pg_event_trigger WHERE evtname IN ('sync_ddl_end', 'sync_ddl_drop') AND evtenabled IN ('O', 'A')
            """;
        var triggers = await connection.ExecuteScalarAsync<int>(new CommandDefinition(CountTriggers, cancellationToken: cancellationToken));
        yield return (triggers, isSuperuser) switch
        {
            (2, _) => new Finding(FindingKind.Good, "event triggers for DDL exist"),
            (_, true) => new Finding(
                FindingKind.Missing,
                "event triggers for DDL do not exist or are disabled; run the command \"setup\" (sql/sync/ddl_triggers.sql)"),
            _ => new Finding(FindingKind.Note, EventTriggerNote),
        };
    }

    /// <summary>Creates the schema and its functions, and the event triggers where the role may create them.</summary>
    public static async Task<IReadOnlyList<Finding>> InstallAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await RunAsync(connection, scripts, cancellationToken);
        var functions = new Finding(FindingKind.Done, "functions sync.ack(id) and sync.reject(id, reason) are there");
        try
        {
            await RunAsync(connection, ["sync/ddl_triggers.sql"], cancellationToken);
            return [functions, new Finding(FindingKind.Done, "event triggers sync_ddl_end and sync_ddl_drop are there")];
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.InsufficientPrivilege)
        {
            return [functions, new Finding(FindingKind.Note, EventTriggerNote)];
        }
    }

    /// <summary>Runs scripts in one transaction, one session after another.</summary>
    private static async Task RunAsync(NpgsqlConnection connection, IEnumerable<string> names, CancellationToken cancellationToken)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        // Two sessions that create the same object at once would fail: "tuple concurrently updated", or a duplicate key.
        await connection.ExecuteAsync(new CommandDefinition(
            "SELECT pg_advisory_xact_lock(hashtext('sync helpers'))", cancellationToken: cancellationToken));
        foreach (var name in names)
        {
            await connection.ExecuteAsync(new CommandDefinition(SqlScripts.Read(name), cancellationToken: cancellationToken));
        }

        await transaction.CommitAsync(cancellationToken);
    }

    public static async IAsyncEnumerable<Finding> UninstallAsync(
        NpgsqlConnection connection, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        const string CountHelpers = """
            SELECT (SELECT count(*) FROM pg_event_trigger WHERE evtname IN ('sync_ddl_end', 'sync_ddl_drop'))::int
                + num_nonnulls(to_regprocedure('sync.announce_ddl()'), to_regprocedure('sync.ack(text)'), to_regprocedure('sync.reject(text,text)'))
            """;
        const string DropHelpers = """
            DROP EVENT TRIGGER IF EXISTS sync_ddl_end;
            DROP EVENT TRIGGER IF EXISTS sync_ddl_drop;
            DROP FUNCTION IF EXISTS sync.announce_ddl(), sync.ack(text), sync.reject(text, text);
            """;
        var helpers = await connection.ExecuteScalarAsync<int>(new CommandDefinition(CountHelpers, cancellationToken: cancellationToken));
        await connection.ExecuteAsync(new CommandDefinition(DropHelpers, cancellationToken: cancellationToken));
        yield return Finding.Removed("helper functions and event triggers", helpers > 0);
        yield return await DropSchemaAsync(connection, cancellationToken);
    }

    /// <remarks>Other parts of the engine may keep data in the schema, so it is dropped only when it is empty.</remarks>
    private static async Task<Finding> DropSchemaAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var exists = await connection.ExecuteScalarAsync<bool>(new CommandDefinition(
            "SELECT to_regnamespace('sync') IS NOT NULL", cancellationToken: cancellationToken));
        if (!exists)
        {
            return Finding.Removed("schema sync", existed: false);
        }

        try
        {
            await connection.ExecuteAsync(new CommandDefinition("DROP SCHEMA sync RESTRICT", cancellationToken: cancellationToken));
            return Finding.Removed("schema sync", existed: true);
        }
        catch (PostgresException exception) when (exception.SqlState == PostgresErrorCodes.DependentObjectsStillExist)
        {
            return new Finding(FindingKind.Note, "schema sync is kept: it holds other objects");
        }
    }
}
