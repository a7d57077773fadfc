using Npgsql;
using SyncEngine.Connectors.Lanes;
using SyncEngine.Observability;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// Checks the outbox's tables for health: whether they answer, how many rows they have, whether the trigger fires, which channels are
/// blocked.
/// </summary>
/// <remarks>
/// Lifecycle: one loop, a check each <see cref="OutboxOptions.HealthRefresh"/>, until cancelled. Failures of the database become health and
/// are not thrown.
/// Blocked channels and dead letters are details of <c>outbox.channels</c>, which stays up: one refused message does not make a process
/// unready. A target that refuses everything is down by its own part.
/// </remarks>
public sealed class OutboxMonitor(OutboxOptions options, NpgsqlDataSource database, OutboxHealth health, TimeProvider time)
{
    /// <summary>Rows that are counted one by one. For more, PostgreSQL's own estimate is used.</summary>
    private const int ExactRows = 10_000;

    private const int ChannelsNamed = 5;

    private static readonly TimeSpan checkTimeout = TimeSpan.FromSeconds(5);

    private readonly OutboxNames names = new(options.Schema, options.Table, options.NodesSchema, options.NodesTable);

    /// <summary>Blocked channels and dead letters. The part is always up; they are its detail.</summary>
    public HealthPart Channels { get; } = new("outbox.channels", time);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.HealthRefresh, time);
        do
        {
            await CheckAsync(cancellationToken);
        }
        while (await timer.WaitForNextTickAsync(cancellationToken));
    }

    internal async Task CheckAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(checkTimeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            await using var connection = await database.OpenConnectionAsync(either.Token);
            health.Postgres.Up();
            await CheckOutboxAsync(connection, either.Token);
            await CheckNodesAsync(connection, either.Token);
            Channels.Up(await DescribeChannelsAsync(connection, either.Token));
        }
        catch (Exception failure) when (
            DatabaseFailure.IsOfDatabase(failure) || (failure is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            const string unreachable = "the database does not answer";
            health.Postgres.Down(unreachable);
            health.OutboxTable.Down(unreachable);
            health.NodesTable.Down(unreachable);
        }
    }

    private async Task CheckOutboxAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            (health.OutboxEntries, health.Waiting) = await CountRowsAsync(connection, cancellationToken);
            var trigger = await DescribeTriggerAsync(connection, cancellationToken);
            if (health.Fault is { } fault)
            {
                health.OutboxTable.Down(fault);
            }
            else
            {
                health.OutboxTable.Up(trigger);
            }
        }
        catch (PostgresException refused)
        {
            health.CountOutboxError();
            health.OutboxTable.Down(Unhealthy(names.Outbox, refused));
        }
    }

    private async Task CheckNodesAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            health.NodesEntries = await CountAsync(connection, names.Nodes, cancellationToken);
            health.NodesTable.Up(health.Mode);
        }
        catch (PostgresException refused)
        {
            if (health.Mode?.StartsWith("reduced", StringComparison.Ordinal) == true || await IsReducedAsync(connection, cancellationToken))
            {
                health.NodesTable.Up("not used in the reduced mode");
                return;
            }

            health.CountNodesError();
            health.NodesTable.Down(Unhealthy(names.Nodes, refused));
        }
    }

    /// <summary>Reads the table as adbc does, and counts up to a bound.</summary>
    private static async Task<long> CountAsync(NpgsqlConnection connection, string table, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            $"""
            SELECT CASE WHEN counted <= {ExactRows} THEN counted
                        ELSE greatest(counted, (SELECT reltuples::bigint FROM pg_catalog.pg_class WHERE oid = $1::regclass)) END
            FROM (SELECT count(*) AS counted FROM (SELECT FROM {table} LIMIT {ExactRows + 1}) AS at_most) AS bounded
            """,
            connection)
        { Parameters = { new() { Value = table } } };
        return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Counts all rows, and those that wait for their target. The last row stays when it has been published.</summary>
    private async Task<(long Entries, long Waiting)> CountRowsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var entries = await CountAsync(connection, names.Outbox, cancellationToken);
        // Older tables have no "processed"; then the name is that of the row beside them.
        await using var command = new NpgsqlCommand(
            $"""
            SELECT count(*) FILTER (WHERE done)
            FROM (SELECT false AS processed) AS otherwise
            CROSS JOIN LATERAL (SELECT processed AS done FROM {names.Outbox} LIMIT {ExactRows + 1}) AS at_most
            """,
            connection);
        return (entries, Math.Max(0, entries - (long)(await command.ExecuteScalarAsync(cancellationToken))!));
    }

    private async Task<string?> DescribeTriggerAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        if (options.FixedRate)
        {
            return null;
        }

        var (count, firing) = await OutboxTriggers.CountAsync(connection, names, cancellationToken);
        var problem = count > 0 ? "the trigger is disabled" : "there is no trigger";
        return firing > 0 ? null : $"{problem}: rows wait for the safety poll, every {options.SafetyPoll.TotalSeconds:0.###} s";
    }

    /// <summary>SELECT and DELETE on the outbox, and not UPDATE.</summary>
    private async Task<bool> IsReducedAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(
            """
            SELECT to_regclass($1) IS NOT NULL AND has_table_privilege(to_regclass($1), 'SELECT')
               AND has_table_privilege(to_regclass($1), 'DELETE') AND NOT has_table_privilege(to_regclass($1), 'UPDATE')
            """,
            connection)
        {
            Parameters = { new() { Value = names.Outbox } },
        };
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private async Task<string?> DescribeChannelsAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var details = new List<string>();
        var blocked = health.Blocked;
        if (blocked.Count > 0)
        {
            var named = string.Join(", ", blocked.Take(ChannelsNamed).Select(Describe));
            details.Add($"{blocked.Count} {(blocked.Count == 1 ? "channel is" : "channels are")} blocked: {named}{(
                blocked.Count > ChannelsNamed ? ", …" : "")}");
        }

        health.DeadLetters = await DeadLettersAsync(connection, cancellationToken);
        if (health.DeadLetters is > 0 and var letters)
        {
            var number = letters > ExactRows ? $"{letters} or more" : $"{letters}";
            details.Add(
                letters == 1
                    ? "1 dead letter; replay-dead-letters puts it back"
                    : $"{number} dead letters; replay-dead-letters puts them back");
        }

        return details.Count == 0 ? null : string.Join("; ", details);
    }

    private static string Describe(BlockedChannel channel) =>
        $"{channel.Channel} ({channel.Target} {channel.Code}, {channel.Tries} tries: {channel.Reason})";

    private async Task<long> DeadLettersAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = new NpgsqlCommand(
                $"SELECT count(*) FROM (SELECT FROM sync.dead_letters WHERE source = $1 LIMIT {ExactRows + 1}) AS at_most", connection)
            {
                Parameters = { new() { Value = names.Outbox } },
            };
            return (long)(await command.ExecuteScalarAsync(cancellationToken))!;
        }
        catch (PostgresException refused) when (
            refused.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
                or PostgresErrorCodes.InsufficientPrivilege)
        {
            // Without the table or the privilege there are no dead letters of this engine.
            return 0;
        }
    }

    private static string Unhealthy(string table, PostgresException refused) => $"table {table} is unhealthy: {refused.MessageText}";
}
