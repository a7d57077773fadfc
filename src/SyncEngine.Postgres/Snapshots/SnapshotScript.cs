using System.Buffers;
using System.Collections.Immutable;
using Npgsql;
using NpgsqlTypes;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Snapshots;

/// <summary>The purpose of a statement of the script, which decides the meaning of its failure.</summary>
enum ScriptPart
{
    Frame,
    Lock,
    Identity,
    Query,
}

/// <summary>The answer to a script.</summary>
/// <param name="RoleEscapesPolicies">The role that the queries ran as is a superuser or bypasses row-level security.</param>
/// <param name="UpperBound">Every transaction that the snapshot sees has its commit record below it.</param>
sealed record SnapshotAnswer(PgSnapshot Snapshot, bool RoleEscapesPolicies, Lsn UpperBound, ImmutableArray<ResultRows> Rows);

/// <summary>The batch of one read, and the reading of its answer.</summary>
/// <remarks>
/// The order matters. Locks come before the first statement that takes a snapshot: a TRUNCATE or rewrite that commits between would show
/// an empty table to it. They are taken as the engine's own role; the subscriber's may not be allowed to. The position comes after the
/// rows: every transaction that the snapshot sees has its commit record below it.
/// </remarks>
sealed class SnapshotScript : IAsyncDisposable
{
    private const int FirstBuffer = 4096;
    private const int LongestTimeoutSeconds = 3600;

    private readonly NpgsqlBatch batch;
    private readonly SnapshotRequest[] requests;
    private readonly SnapshotOptions options;
    private readonly int lockAt;
    private readonly int identityAt;
    private readonly int snapshotAt;
    private byte[] buffer = ArrayPool<byte>.Shared.Rent(FirstBuffer);

    public SnapshotScript(
        NpgsqlConnection connection,
        SnapshotRequest[] requests,
        IReadOnlyCollection<string> locks,
        Principal principal,
        QuerySessionOptions session,
        SnapshotOptions options)
    {
        this.requests = requests;
        this.options = options;

        // The server ends each statement; the client's own timeout is for a server that no longer answers.
        batch = new NpgsqlBatch(connection)
        {
            Timeout = (int)Math.Min(LongestTimeoutSeconds, (session.StatementTimeout.TotalSeconds * (requests.Length + 1)) + 10),
        };
        batch.AskForText();
        batch.Add("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").Add(QuerySession.Limits(session));
        lockAt = batch.BatchCommands.Count;
        if (locks.Count > 0)
        {
            batch.Add("LOCK TABLE " + string.Join(", ", locks.Select(name => "ONLY " + name)) + " IN ACCESS SHARE MODE");
        }

        identityAt = batch.BatchCommands.Count;
        batch.Add([.. QuerySession.Identity(principal)]);
        snapshotAt = batch.BatchCommands.Count;
        batch.Add($"SELECT pg_catalog.pg_current_snapshot(), ({QuerySession.RoleEscapesPolicies})");
        foreach (var request in requests)
        {
            batch.BatchCommands.Add(QueryOf(request));
        }

        batch.Add("SELECT pg_catalog.pg_current_wal_insert_lsn()").Add("COMMIT");
    }

    /// <exception cref="ResultTooLargeException">One result has exceeded a limit; its statement has been cancelled.</exception>
    public async Task<SnapshotAnswer> ReadAsync(CancellationToken cancellationToken)
    {
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var snapshot = PgSnapshot.Parse(reader.GetString(0));
        var escapes = !reader.IsDBNull(1) && reader.GetString(1) == "t";
        var results = ImmutableArray.CreateBuilder<ResultRows>(requests.Length);
        for (var i = 0; i < requests.Length; i++)
        {
            await reader.NextResultAsync(cancellationToken);
            results.Add(await ReadRowsAsync(reader, i, cancellationToken));
        }

        await reader.NextResultAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        var upperBound = Lsn.Parse(reader.GetString(0));
        await reader.NextResultAsync(cancellationToken);
        return new SnapshotAnswer(snapshot, escapes, upperBound, results.MoveToImmutable());
    }

    /// <summary>The purpose of the statement that failed, and the index of a query.</summary>
    public (ScriptPart Part, int Query) LocateFailure() => batch.FailedAt() switch
    {
        var index when index < lockAt => (ScriptPart.Frame, -1),
        var index when index < identityAt => (ScriptPart.Lock, -1),
        var index when index < snapshotAt => (ScriptPart.Identity, -1),
        var index when index > snapshotAt && index <= snapshotAt + requests.Length => (ScriptPart.Query, index - snapshotAt - 1),
        _ => (ScriptPart.Frame, -1),
    };

    public async ValueTask DisposeAsync()
    {
        ArrayPool<byte>.Shared.Return(buffer);
        await batch.DisposeAsync();
    }

    private static NpgsqlBatchCommand QueryOf(SnapshotRequest request)
    {
        var command = new NpgsqlBatchCommand(request.Sql);
        foreach (var text in request.Parameters)
        {
            // Untyped, so that PostgreSQL infers the types as it did when it described the query, and reads the text itself.
            command.Parameters.Add(new NpgsqlParameter { NpgsqlDbType = NpgsqlDbType.Unknown, Value = (object?)text ?? DBNull.Value });
        }

        return command;
    }

    private async Task<ResultRows> ReadRowsAsync(NpgsqlDataReader reader, int query, CancellationToken cancellationToken)
    {
        var encoder = requests[query].Encoder;
        // A repeated read begins with no rows.
        encoder.Reset();
        var rows = new List<EncodedRow>();
        var bytes = 0L;
        var columns = reader.FieldCount;
        while (await reader.ReadAsync(cancellationToken))
        {
            encoder.Begin();
            for (var i = 0; i < columns; i++)
            {
                if (reader.IsDBNull(i))
                {
                    encoder.Add([], isNull: true);
                }
                else
                {
                    encoder.Add(Text(reader, i), isNull: false);
                }
            }

            var row = encoder.End();
            rows.Add(row);
            bytes += row.Json.Length;
            if (rows.Count > options.RowsPerResult || bytes > options.BytesPerResult)
            {
                batch.Cancel();
                throw new ResultTooLargeException(query, rows.Count > options.RowsPerResult
                    ? $"the result has more than {options.RowsPerResult} rows"
                    : $"the result has more than {options.BytesPerResult} bytes");
            }
        }

        return new ResultRows(rows, bytes);
    }

    private ReadOnlySpan<byte> Text(NpgsqlDataReader reader, int ordinal)
    {
        var length = (int)reader.GetBytes(ordinal, 0, buffer: null, 0, 0);
        if (length > buffer.Length)
        {
            ArrayPool<byte>.Shared.Return(buffer);
            buffer = ArrayPool<byte>.Shared.Rent(length);
        }

        if (length > 0)
        {
            reader.GetBytes(ordinal, 0, buffer, 0, length);
        }

        return buffer.AsSpan(0, length);
    }
}

/// <summary>A result exceeded a limit. Caught by the reader.</summary>
sealed class ResultTooLargeException(int query, string message) : Exception(message)
{
    public int Query { get; } = query;

    public SyncException ToError() => new(ErrorCode.ResultTooLarge, Message, hint: "Narrow the query, or raise SyncEngine:Limits.");
}
