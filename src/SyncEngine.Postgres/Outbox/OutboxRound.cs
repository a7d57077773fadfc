using System.Globalization;
using Npgsql;

namespace SyncEngine.Postgres.Outbox;

/// <summary>What a look asks for.</summary>
/// <param name="Node">Who asks.</param>
/// <param name="Remembered">The progress, where no table keeps it; null before the first look.</param>
/// <param name="HeldChannels">Channels that need no rows now. Their late rows are told all the same.</param>
/// <param name="WithAllNew">Tell new rows of held channels, too: commit order decides about their ids.</param>
/// <param name="WithOwn">Rows that this node locked, too: what became of an earlier claim is not known.</param>
/// <param name="Limit">Of the waiting rows, and of the late ones.</param>
public sealed record LookRequest(string Node, OutboxProgress? Remembered, IReadOnlyCollection<string> HeldChannels, bool WithAllNew, bool WithOwn, int Limit);

/// <summary>One round (docs/decisions/outbox-rounds.md): a transaction that looks, numbers, claims and commits. Disposed of without a commit it has changed nothing.</summary>
public sealed class OutboxRound : IAsyncDisposable
{
    private const int NumbersAtMost = 1_000_000;

    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;
    private readonly OutboxSql sql;
    private readonly OutboxShape shape;
    private readonly int lockKey;
    private readonly Action<int> count;

    internal OutboxRound(NpgsqlConnection connection, NpgsqlTransaction transaction, OutboxSql sql, OutboxShape shape, int lockKey, Action<int> count)
    {
        this.connection = connection;
        this.transaction = transaction;
        this.sql = sql;
        this.shape = shape;
        this.lockKey = lockKey;
        this.count = count;
    }

    public async Task<OutboxLook> LookAsync(LookRequest request, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        var lockRounds = new NpgsqlBatchCommand(OutboxSql.LockRounds);
        lockRounds.Parameters.Add(new NpgsqlParameter<int>("key", lockKey));
        var look = new NpgsqlBatchCommand(sql.Look);
        look.Parameters.Add(new NpgsqlParameter<string>("node", request.Node));
        look.Parameters.Add(new NpgsqlParameter<string[]>("held", [.. request.HeldChannels]));
        look.Parameters.Add(new NpgsqlParameter<bool>("all_new", request.WithAllNew));
        look.Parameters.Add(new NpgsqlParameter<bool>("own_too", request.WithOwn));
        look.Parameters.Add(new NpgsqlParameter<int>("limit", request.Limit));
        if (!shape.KeepsProgress)
        {
            look.Parameters.Add(new NpgsqlParameter<long>("highest", request.Remembered?.Highest ?? 0));
            look.Parameters.Add(new NpgsqlParameter<string?>("seen", request.Remembered?.Seen));
            look.Parameters.Add(new NpgsqlParameter<string?>("writer", request.Remembered?.Writer));
        }

        batch.BatchCommands.Add(new NpgsqlBatchCommand(OutboxSql.BoundIdling));
        batch.BatchCommands.Add(lockRounds);
        batch.BatchCommands.Add(look);
        count(4);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        await reader.NextResultAsync(cancellationToken);
        return await ReadAsync(reader, request.Limit, cancellationToken);
    }

    /// <summary>Numbers from the table's own sequence, rising and all above the bound.</summary>
    /// <exception cref="OutboxUnavailableException">The sequence is behind and may not be moved that far.</exception>
    public async Task<IReadOnlyList<long>> TakeNumbersAsync(int howMany, long above, CancellationToken cancellationToken)
    {
        var numbers = await NextAsync(howMany, cancellationToken);
        if (numbers[0] > above)
        {
            return numbers;
        }

        // A recreated table, a restarted sequence, or values that this session had cached.
        await using (var forget = new NpgsqlCommand(OutboxSql.ForgetSequences, connection, transaction))
        {
            await forget.ExecuteNonQueryAsync(cancellationToken);
        }

        if (shape.CanSetSequence)
        {
            await using var move = new NpgsqlCommand(sql.MoveSequence, connection, transaction);
            move.Parameters.Add(new NpgsqlParameter<long>("above", above));
            await move.ExecuteNonQueryAsync(cancellationToken);
            count(2);
        }

        for (var taken = 0; taken < NumbersAtMost;)
        {
            numbers = await NextAsync(howMany, cancellationToken);
            if (numbers[0] > above)
            {
                return numbers;
            }

            var skip = (int)Math.Clamp(above - numbers[^1], 0, NumbersAtMost / 10);
            taken += howMany + skip;
            if (skip > 0)
            {
                await NextAsync(skip, cancellationToken);
            }
        }

        throw new OutboxUnavailableException(shape.Sequence!, $"the sequence is behind {above}, the highest id ever published, and may not be set; GRANT UPDATE ON SEQUENCE {shape.Sequence}", isNodes: false);
    }

    /// <summary>Writes what was decided, keeps the progress and commits. Returns the rows that were taken, whole, and the progress for whoever remembers it.</summary>
    public async Task<(IReadOnlyList<OutboxRow> Taken, OutboxProgress? Progress)> CommitAsync(
        IReadOnlyList<RowDecision> decisions, OutboxProgress? progress, string node, TimeSpan lockDuration, CancellationToken cancellationToken)
    {
        var taken = new List<OutboxRow>();
        if (decisions.Count == 0 && progress is null)
        {
            return (taken, null); // The rollback costs as much as a commit.
        }

        await using var batch = new NpgsqlBatch(connection, transaction);
        var decide = new NpgsqlBatchCommand(sql.Decide);
        decide.Parameters.Add(new NpgsqlParameter<long[]>("ids", [.. decisions.Select(decision => decision.Id)]));
        decide.Parameters.Add(new NpgsqlParameter<long[]>("finals", [.. decisions.Select(decision => decision.FinalId)]));
        decide.Parameters.Add(new NpgsqlParameter<bool[]>("taken", [.. decisions.Select(decision => decision.IsTaken)]));
        decide.Parameters.Add(new NpgsqlParameter<string>("node", node));
        decide.Parameters.Add(new NpgsqlParameter<TimeSpan>("lock", lockDuration));
        batch.BatchCommands.Add(decide);
        batch.BatchCommands.Add(new NpgsqlBatchCommand(OutboxSql.OwnTransaction));
        if (progress is not null && shape.KeepsProgress)
        {
            var keep = new NpgsqlBatchCommand(sql.KeepProgress);
            keep.Parameters.Add(new NpgsqlParameter<long>("highest", progress.Highest));
            keep.Parameters.Add(new NpgsqlParameter<string>("seen", progress.Seen!));
            batch.BatchCommands.Add(keep);
        }

        count(batch.BatchCommands.Count + 1);
        string writer;
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                if (reader.GetBoolean(0))
                {
                    taken.Add(RowAt(reader, 1));
                }
            }

            await reader.NextResultAsync(cancellationToken);
            await reader.ReadAsync(cancellationToken);
            writer = reader.GetString(0);
            while (await reader.NextResultAsync(cancellationToken))
            {
                // Drained, so that an error of the last statement is not lost.
            }
        }

        await transaction.CommitAsync(cancellationToken);
        taken.Sort((left, right) => left.Id.CompareTo(right.Id));
        return (taken, progress is null ? null : progress with { Writer = writer });
    }

    public async ValueTask DisposeAsync()
    {
        await transaction.DisposeAsync();
        await connection.DisposeAsync();
    }

    internal static OutboxRow RowAt(NpgsqlDataReader reader, int at) => new(
        reader.GetInt64(at),
        reader.GetString(at + 1),
        reader.GetString(at + 2),
        reader.GetString(at + 3),
        !reader.IsDBNull(at + 4) && reader.GetBoolean(at + 4),
        reader.IsDBNull(at + 5) ? null : reader.GetString(at + 5),
        reader.IsDBNull(at + 6) ? null : reader.GetString(at + 6));

    private async Task<OutboxLook> ReadAsync(NpgsqlDataReader reader, int limit, CancellationToken cancellationToken)
    {
        OutboxProgress? progress = null;
        var highest = 0L;
        var snapshot = "";
        var nodes = new List<string>();
        var waiting = new List<WaitingRow>();
        var late = new List<WaitingRow>();
        var busy = new HashSet<string>(StringComparer.Ordinal);
        var tombstones = new List<long>();
        while (await reader.ReadAsync(cancellationToken))
        {
            switch (reader.GetInt32(0))
            {
                case 0:
                    highest = reader.GetInt64(1);
                    snapshot = reader.GetString(2);
                    progress = new OutboxProgress(reader.GetInt64(3), reader.IsDBNull(4) ? null : reader.GetString(4), reader.IsDBNull(5) ? null : reader.GetString(5));
                    if (reader.GetInt64(6) != shape.Oid)
                    {
                        throw new OutboxChangedException();
                    }

                    break;
                case 1:
                    nodes.Add(reader.GetString(2));
                    break;
                case 2:
                    waiting.Add(WaitingAt(reader));
                    break;
                case 3:
                    late.Add(WaitingAt(reader));
                    break;
                case 4:
                    busy.Add(reader.GetString(2));
                    break;
                case 5:
                    tombstones.Add(reader.GetInt64(1));
                    break;
                default:
                    throw new System.Diagnostics.UnreachableException();
            }
        }

        return new OutboxLook(progress!, highest, snapshot, nodes, Cut(waiting, limit, out var isCut), isCut, Cut(late, limit, out var isLateCut), isLateCut, busy, tombstones);
    }

    private static WaitingRow WaitingAt(NpgsqlDataReader reader) => new(reader.GetInt64(1), reader.GetString(2), reader.GetInt64(3), reader.GetBoolean(7), reader.GetBoolean(8));

    private static List<WaitingRow> Cut(List<WaitingRow> rows, int limit, out bool isCut)
    {
        rows.Sort((left, right) => left.Id.CompareTo(right.Id));
        isCut = rows.Count > limit;
        return isCut ? rows[..limit] : rows;
    }

    private async Task<IReadOnlyList<long>> NextAsync(int howMany, CancellationToken cancellationToken)
    {
        await using var next = new NpgsqlCommand(sql.FreshIds, connection, transaction);
        next.Parameters.Add(new NpgsqlParameter<int>("count", howMany));
        count(1);
        var numbers = new List<long>(howMany);
        await using var reader = await next.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            numbers.Add(reader.GetInt64(0));
        }

        numbers.Sort();
        return numbers;
    }
}
