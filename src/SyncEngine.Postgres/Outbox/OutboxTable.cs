using System.Data;
using Npgsql;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Nodes;

namespace SyncEngine.Postgres.Outbox;

/// <summary>
/// One outbox and its nodes, in the database. Every method is one short transaction, or one round trip, on a connection of the pool.
/// </summary>
/// <remarks>
/// What fails is thrown as the driver threw it, or as <see cref="OutboxUnavailableException"/> where a table is missing or may not be used.
/// After a failure that <see cref="IsStale"/> the caller reads the shape again, because the table has been replaced.
/// </remarks>
public sealed class OutboxTable : IAsyncDisposable
{
    private readonly NpgsqlDataSource database;
    private readonly OutboxSql sql;
    private readonly Action<int>? sent;
    private NpgsqlConnection? rounds; // kept between rounds, with its statements prepared
    private bool mayPrepare = true;

    private OutboxTable(NpgsqlDataSource database, OutboxNames names, OutboxShape shape, Action<int>? sent)
    {
        this.database = database;
        this.sent = sent;
        Names = names;
        Shape = shape;
        Nodes = new NodesTable(database, names.Nodes, sent);
        sql = new OutboxSql(names, shape);
    }

    public OutboxNames Names { get; }

    public OutboxShape Shape { get; }

    public NodesTable Nodes { get; }

    /// <param name="sent">Called with the number of statements that are about to be sent, on any thread.</param>
    /// <exception cref="OutboxUnavailableException"/>
    public static async Task<OutboxTable> OpenAsync(
        NpgsqlDataSource database, OutboxNames names, CancellationToken cancellationToken, Action<int>? sent = null)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        return new OutboxTable(database, names, await OutboxShape.ReadAsync(connection, names, cancellationToken), sent);
    }

    /// <summary>The tables were dropped, recreated, altered, or privileges changed.</summary>
    public static bool IsStale(Exception failure) => failure is OutboxUnavailableException or OutboxChangedException or PostgresException
    {
        SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.FeatureNotSupported
    };

    /// <summary>A failure of the database after which the same may succeed, because the tables are still the same.</summary>
    public static bool IsTransient(Exception failure) => DatabaseFailure.IsOfDatabase(failure) && !IsStale(failure);

    /// <summary>Begins a round, one at a time. It waits for the rounds of other nodes to end.</summary>
    public async Task<OutboxRound> BeginRoundAsync(CancellationToken cancellationToken)
    {
        if (rounds is not { State: ConnectionState.Open })
        {
            await DisposeAsync();
            var connection = await database.OpenConnectionAsync(cancellationToken);
            rounds = connection;
            if (!await LockAsync(connection, OutboxSql.ShareNodes, Names, cancellationToken))
            {
                throw new OutboxUnavailableException(
                    Names.Outbox,
                    "a process publishes it in reduced mode; stop it, or give it the privileges of the others and start it again");
            }

            if (mayPrepare)
            {
                // Outside a transaction: parsing takes a snapshot, and a round's snapshot has to be taken after its lock.
                await OutboxRound.PrepareAsync(connection, sql, Shape, cancellationToken);
            }
        }

        var transaction = await rounds.BeginTransactionAsync(IsolationLevel.RepeatableRead, cancellationToken);
        return new OutboxRound(rounds, transaction, sql, Shape, mayPrepare, Count);
    }

    /// <summary>After a round that failed: the next one begins on another connection.</summary>
    public async Task ForgetConnectionAsync(Exception failure)
    {
        // A pooler in transaction mode loses prepared statements.
        mayPrepare &= failure is not PostgresException
        {
            SqlState: PostgresErrorCodes.InvalidSqlStatementName or PostgresErrorCodes.DuplicatePreparedStatement
        };
        await DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        if (rounds is { } connection)
        {
            rounds = null;
            try
            {
                if (connection.State == ConnectionState.Open)
                {
                    connection.UnprepareAll(); // there is no other form of it
                    await ReleaseLocksAsync(connection);
                }
            }
            catch (Exception lost) when (lost is NpgsqlException or InvalidOperationException)
            {
                // Gone, and its statements with it.
            }

            await connection.DisposeAsync();
        }
    }

    /// <summary>
    /// Polls in the reduced mode. Rows come whole, because nothing is claimed. A row that is not ripe waits for an older writer, and so
    /// does what follows it on its channel.
    /// </summary>
    public async Task<IReadOnlyList<(OutboxRow Row, bool IsRipe)>> PollReducedAsync(
        IReadOnlyCollection<string> leftOutChannels, IReadOnlyCollection<long> inHand, int limit, CancellationToken cancellationToken)
    {
        await using var command = Command(sql.PollReduced);
        command.Parameters.Add(new NpgsqlParameter<string[]>("left_out", [.. leftOutChannels]));
        command.Parameters.Add(new NpgsqlParameter<long[]>("in_hand", [.. inHand]));
        command.Parameters.Add(new NpgsqlParameter<int>("limit", limit));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<(OutboxRow, bool)>();
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add((OutboxRound.RowAt(reader, 0), reader.GetBoolean(7)));
        }

        return rows;
    }

    /// <summary>Removes rows that are stored at their target. Returns the tombstone that was left, if any.</summary>
    public async Task<long?> SettleAsync(
        string node, IReadOnlyList<SettledRow> rows, IReadOnlyCollection<long> tombstones, CancellationToken cancellationToken)
    {
        await using var command = Command(sql.Settle);
        AddSettled(command.Parameters, node, rows, tombstones);
        return (long?)await command.ExecuteScalarAsync(cancellationToken);
    }

    /// <summary>Moves a row to sync.dead_letters.</summary>
    public async Task DeadLetterAsync(
        string node, SettledRow row, DeadLetter dead, IReadOnlyCollection<long> tombstones, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await using var batch = new NpgsqlBatch(connection, transaction);
        var letter = new NpgsqlBatchCommand(sql.DeadLetter);
        letter.Parameters.Add(new NpgsqlParameter<long>("id", row.Id));
        letter.Parameters.Add(Shape.Mode == OutboxMode.Reduced
            ? new NpgsqlParameter<string>("mutation", row.MutationId)
            : new NpgsqlParameter<string>("node", node));
        letter.Parameters.Add(new NpgsqlParameter<string>("target", dead.Target));
        letter.Parameters.Add(new NpgsqlParameter<string>("code", dead.Code));
        letter.Parameters.Add(new NpgsqlParameter<string>("error", dead.Error));
        var settle = new NpgsqlBatchCommand(sql.Settle);
        AddSettled(settle.Parameters, node, [row], tombstones);
        batch.BatchCommands.Add(letter);
        batch.BatchCommands.Add(settle);
        Count(3);
        await batch.ExecuteNonQueryAsync(cancellationToken);
        await transaction.CommitAsync(cancellationToken);
    }

    /// <summary>Renews the locks of rows in work.</summary>
    public async Task RenewLocksAsync(
        string node, IReadOnlyCollection<long> inWork, TimeSpan lockDuration, CancellationToken cancellationToken)
    {
        await using var renew = Command(sql.RenewLocks);
        renew.Parameters.Add(new NpgsqlParameter<long[]>("ids", [.. inWork]));
        renew.Parameters.Add(new NpgsqlParameter<string>("node", node));
        renew.Parameters.Add(new NpgsqlParameter<TimeSpan>("lock", lockDuration));
        await renew.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Removes tombstones that a later row has followed, of any node.</summary>
    public async Task RemoveTombstonesAsync(CancellationToken cancellationToken)
    {
        if (Shape.HasProcessed)
        {
            await using var remove = Command(sql.RemoveTombstones);
            await remove.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Takes the reduced mode's exclusive right to publish. It lasts as long as the connection.</summary>
    public static Task<bool> TryLockExclusivelyAsync(NpgsqlConnection connection, OutboxNames names, CancellationToken cancellationToken) =>
        LockAsync(connection, OutboxSql.LockNode, names, cancellationToken);

    /// <summary>Releases advisory locks before the connection returns to its pool.</summary>
    public static async Task ReleaseLocksAsync(NpgsqlConnection connection)
    {
        try
        {
            await using var command = new NpgsqlCommand("SELECT pg_advisory_unlock_all()", connection);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
        catch (Exception lost) when (lost is NpgsqlException or InvalidOperationException)
        {
            // The session has ended, and the lock with it.
        }
    }

    private void AddSettled(
        NpgsqlParameterCollection parameters, string node, IReadOnlyList<SettledRow> rows, IReadOnlyCollection<long> tombstones)
    {
        parameters.Add(new NpgsqlParameter<long[]>("ids", [.. rows.Select(row => row.Id)]));
        if (Shape.Mode == OutboxMode.Reduced)
        {
            parameters.Add(new NpgsqlParameter<string[]>("mutations", [.. rows.Select(row => row.MutationId)]));
            return;
        }

        parameters.Add(new NpgsqlParameter<string>("node", node));
        if (Shape.HasProcessed)
        {
            parameters.Add(new NpgsqlParameter<long[]>("tombstones", [.. tombstones]));
        }
    }

    private static async Task<bool> LockAsync(
        NpgsqlConnection connection, string text, OutboxNames names, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(text, connection);
        command.Parameters.Add(new NpgsqlParameter<int>("key", LockKey(names)));
        return (bool)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private NpgsqlCommand Command(string text)
    {
        Count(1);
        return database.CreateCommand(text);
    }

    private void Count(int more) => sent?.Invoke(more);

    /// <summary>By name, not OID: a recreated table is the same outbox.</summary>
    private static int LockKey(OutboxNames names) =>
        System.Buffers.Binary.BinaryPrimitives.ReadInt32LittleEndian(
            System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(names.Outbox)));
}

/// <summary>The table under the outbox's name is not the one whose shape was read.</summary>
public sealed class OutboxChangedException() : Exception("the outbox table has been replaced by another one");
