using Dapper;
using Npgsql;

namespace SyncEngine.Postgres.Outbox;

/// <summary>The mode in which an outbox is published. It depends on its tables and on the role's privileges.</summary>
public enum OutboxMode
{
    /// <summary>Any number of nodes. Late rows get fresh ids.</summary>
    Full,

    /// <summary>With SELECT and DELETE alone: one node at a time. Rows wait until no older transaction writes.</summary>
    Reduced,
}

/// <summary>The shape of an outbox, read once, and again when the table has been replaced.</summary>
public sealed record OutboxShape
{
    private const string Query = """
        WITH outbox AS (SELECT to_regclass(@outbox) AS relation), nodes AS (SELECT to_regclass(@nodes) AS relation),
        sequence AS (SELECT pg_get_serial_sequence(@outbox, 'sequence_id') AS name FROM outbox
                     WHERE EXISTS (
                         SELECT FROM pg_attribute
                         WHERE attrelid = relation AND attname = 'sequence_id' AND NOT attisdropped AND attidentity <> 'a'))
        SELECT (outbox.relation::oid)::bigint AS "Oid",
               nodes.relation IS NOT NULL AS "HasNodes",
               has_table_privilege(outbox.relation, 'SELECT') AND has_table_privilege(outbox.relation, 'DELETE') AS "CanTake",
               has_table_privilege(outbox.relation, 'UPDATE') AS "CanUpdate",
               coalesce((SELECT bool_and(has_table_privilege(nodes.relation, privilege))
                         FROM unnest(ARRAY['SELECT','INSERT','UPDATE','DELETE']) AS privilege), false) AS "CanJoin",
               EXISTS (SELECT FROM pg_attribute
                       WHERE attrelid = outbox.relation AND attname = 'processed' AND NOT attisdropped) AS "HasProcessed",
               EXISTS (SELECT FROM pg_attribute
                       WHERE attrelid = outbox.relation AND attname = 'sequence_id' AND attidentity = 'a') AS "IsAlwaysGenerated",
               (SELECT name FROM sequence WHERE has_sequence_privilege(name, 'USAGE')) AS "Sequence",
               coalesce((SELECT has_sequence_privilege(name, 'UPDATE') FROM sequence), false) AS "CanSetSequence",
               coalesce(has_schema_privilege(to_regnamespace('sync'), 'USAGE')
                   AND has_table_privilege(to_regclass('sync.outbox_progress'), 'SELECT')
                   AND has_table_privilege(to_regclass('sync.outbox_progress'), 'INSERT')
                   AND has_table_privilege(to_regclass('sync.outbox_progress'), 'UPDATE'), false) AS "KeepsProgress",
               coalesce(has_schema_privilege(to_regnamespace('sync'), 'USAGE')
                   AND has_table_privilege(to_regclass('sync.dead_letters'), 'INSERT'), false) AS "KeepsDeadLetters"
        FROM outbox, nodes
        """;

    /// <summary>Of the outbox table.</summary>
    public required uint Oid { get; init; }

    public required OutboxMode Mode { get; init; }

    /// <summary>Older tables have no <c>processed</c>; their last row is not kept.</summary>
    public required bool HasProcessed { get; init; }

    /// <summary>Quoted name of the sequence behind sequence_id; null when there is none that can be advanced.</summary>
    public required string? Sequence { get; init; }

    /// <summary>UPDATE on the sequence. Without it the sequence is moved by taking numbers from it.</summary>
    public required bool CanSetSequence { get; init; }

    /// <summary>sequence_id is GENERATED ALWAYS: late rows keep their ids.</summary>
    public required bool IsAlwaysGenerated { get; init; }

    /// <summary>sync.outbox_progress may be written: numbers survive a restart even when the table does not.</summary>
    public required bool KeepsProgress { get; init; }

    /// <summary>sync.dead_letters may be written.</summary>
    public required bool KeepsDeadLetters { get; init; }

    /// <exception cref="OutboxUnavailableException">A table is missing, or the role may not even read and delete.</exception>
    public static async Task<OutboxShape> ReadAsync(NpgsqlConnection connection, OutboxNames names, CancellationToken cancellationToken)
    {
        Found found;
        try
        {
            found = await connection.QuerySingleAsync<Found>(
                new CommandDefinition(Query, new { outbox = names.Outbox, nodes = names.Nodes }, cancellationToken: cancellationToken));
        }
        catch (PostgresException refused) when (
            refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable
                or PostgresErrorCodes.InvalidSchemaName)
        {
            throw new OutboxUnavailableException(names.Outbox, refused.MessageText);
        }

        if (found.Oid is not { } oid)
        {
            throw new OutboxUnavailableException(
                names.Outbox, "the table does not exist; the command setup makes it, or AutoCreate where the role may create tables");
        }

        if (!found.CanTake)
        {
            throw new OutboxUnavailableException(names.Outbox, $"permission denied; GRANT SELECT, DELETE ON {names.Outbox}");
        }

        if (found.CanUpdate && !found.HasNodes)
        {
            throw new OutboxUnavailableException(
                names.Nodes, "the table does not exist; the command setup makes it, or AutoCreateNodes where the role may create tables");
        }

        return new OutboxShape
        {
            Oid = (uint)oid,
            Mode = found is { CanUpdate: true, CanJoin: true } ? OutboxMode.Full : OutboxMode.Reduced,
            HasProcessed = found.HasProcessed,
            Sequence = found.Sequence,
            CanSetSequence = found.CanSetSequence,
            IsAlwaysGenerated = found.IsAlwaysGenerated,
            KeepsProgress = found.KeepsProgress,
            KeepsDeadLetters = found.KeepsDeadLetters,
        };
    }

    private sealed record Found
    {
        public long? Oid { get; init; }

        public bool HasNodes { get; init; }

        public bool CanTake { get; init; }

        public bool CanUpdate { get; init; }

        public bool CanJoin { get; init; }

        public bool HasProcessed { get; init; }

        public string? Sequence { get; init; }

        public bool CanSetSequence { get; init; }

        public bool IsAlwaysGenerated { get; init; }

        public bool KeepsProgress { get; init; }

        public bool KeepsDeadLetters { get; init; }
    }
}

/// <summary>A table of the outbox cannot be used now. It is tried again until it can.</summary>
public sealed class OutboxUnavailableException(string table, string reason) : Exception($"unable to connect to table: {table}: {reason}");
