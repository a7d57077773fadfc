using Npgsql;

namespace SyncEngine.Postgres.Outbox;

/// <summary>
/// One round: a transaction that polls, numbers, claims and commits. Disposed of without a commit, it has changed nothing.
/// </summary>
/// <remarks>Decision: docs/decisions/outbox-rounds.md.</remarks>
public sealed class OutboxRound : IAsyncDisposable
{
    private const int NumbersAtMost = 1_000_000;
    private static readonly TimeSpan longest = TimeSpan.FromMinutes(10); // a million rows take about ten seconds

    private readonly NpgsqlConnection connection;
    private readonly NpgsqlTransaction transaction;
    private readonly OutboxSql sql;
    private readonly OutboxShape shape;
    private readonly bool isPrepared;
    private readonly Action<int> count;

    internal OutboxRound(
        NpgsqlConnection connection, NpgsqlTransaction transaction, OutboxSql sql, OutboxShape shape, bool isPrepared, Action<int> count)
    {
        this.connection = connection;
        this.transaction = transaction;
        this.sql = sql;
        this.shape = shape;
        this.isPrepared = isPrepared;
        this.count = count;
    }

    /// <summary>Prepares the statements of every round: planning a poll takes longer than running it.</summary>
    internal static async Task PrepareAsync(
        NpgsqlConnection connection, OutboxSql sql, OutboxShape shape, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        AddPoll(batch, sql, shape, new PollRequest("", null, [], WithOwn: false, 0));
        batch.BatchCommands.Add(Decide(sql, [], "", TimeSpan.Zero));
        if (shape.KeepsProgress)
        {
            batch.BatchCommands.Add(KeepProgress(sql, new OutboxProgress(0, 0)));
        }

        await batch.PrepareAsync(cancellationToken);
    }

    /// <exception cref="OutboxChangedException">The table has been replaced.</exception>
    public async Task<OutboxPoll> PollAsync(PollRequest request, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        AddPoll(batch, sql, shape, request);
        await UsePreparedAsync(batch, cancellationToken);
        count(4);
        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        return await new PollReader(shape.Oid, request.Limit).ReadAsync(reader, cancellationToken);
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

        throw new OutboxUnavailableException(
            shape.Sequence!,
            $"the sequence is behind {above}, the highest id ever published, and may not be set; "
            + $"GRANT UPDATE ON SEQUENCE {shape.Sequence}");
    }

    /// <summary>Gives fresh ids to all new rows of the channels that have a late one, in order of id. For polls that were cut.</summary>
    /// <exception cref="OutboxUnavailableException">The sequence is behind and may not be moved that far.</exception>
    public async Task<NumberedRows> NumberLateAsync(OutboxPoll poll, CancellationToken cancellationToken)
    {
        await TakeNumbersAsync(1, Math.Max(poll.Progress.Highest, poll.Highest), cancellationToken);
        await using var number = new NpgsqlCommand(sql.NumberLate, connection, transaction) { CommandTimeout = (int)longest.TotalSeconds };
        number.Parameters.Add(new NpgsqlParameter<long>("highest", poll.Progress.Highest));
        number.Parameters.Add(new NpgsqlParameter<long>("horizon", poll.Progress.Horizon ?? 0));
        count(1);
        await using var reader = await number.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return new NumberedRows(reader.GetInt32(0), reader.GetInt64(1));
    }

    /// <summary>Writes the decisions, keeps the progress and commits. Returns the rows that were taken, whole, in order of id.</summary>
    /// <param name="progress">Null where it has not changed.</param>
    /// <param name="mustFix">The poll has seen new rows about which nothing is decided: they keep their ids.</param>
    public async Task<IReadOnlyList<OutboxRow>> CommitAsync(
        IReadOnlyList<RowDecision> decisions, OutboxProgress? progress, bool mustFix, string node, TimeSpan lockDuration,
        CancellationToken cancellationToken)
    {
        var taken = new List<OutboxRow>();
        await using var batch = new NpgsqlBatch(connection, transaction);
        if (decisions.Count > 0)
        {
            batch.BatchCommands.Add(Decide(sql, decisions, node, lockDuration));
        }

        if (mustFix)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(sql.Fix));
        }

        if (progress is not null && shape.KeepsProgress)
        {
            batch.BatchCommands.Add(KeepProgress(sql, progress));
        }

        if (batch.BatchCommands.Count == 0)
        {
            return taken; // the rollback costs as much as a commit
        }

        if (!mustFix)
        {
            await UsePreparedAsync(batch, cancellationToken);
        }

        count(batch.BatchCommands.Count + 1);
        await using (var reader = await batch.ExecuteReaderAsync(cancellationToken))
        {
            while (await reader.ReadAsync(cancellationToken))
            {
                if (reader.GetBoolean(0))
                {
                    taken.Add(RowAt(reader, 1));
                }
            }

            while (await reader.NextResultAsync(cancellationToken))
            {
                // Drained, so that an error of a later statement is not lost.
            }
        }

        await transaction.CommitAsync(cancellationToken);
        taken.Sort((left, right) => left.Id.CompareTo(right.Id));
        return taken;
    }

    /// <summary>The connection is the table's.</summary>
    public ValueTask DisposeAsync() => transaction.DisposeAsync();

    internal static OutboxRow RowAt(NpgsqlDataReader reader, int at) => new(
        reader.GetInt64(at),
        reader.GetString(at + 1),
        reader.GetString(at + 2),
        reader.GetString(at + 3),
        !reader.IsDBNull(at + 4) && reader.GetBoolean(at + 4),
        reader.IsDBNull(at + 5) ? null : reader.GetString(at + 5),
        reader.IsDBNull(at + 6) ? null : reader.GetString(at + 6));

    private static NpgsqlBatchCommand Decide(OutboxSql sql, IReadOnlyList<RowDecision> decisions, string node, TimeSpan lockDuration)
    {
        var decide = new NpgsqlBatchCommand(sql.Decide);
        decide.Parameters.Add(new NpgsqlParameter<long[]>("ids", [.. decisions.Select(decision => decision.Id)]));
        decide.Parameters.Add(new NpgsqlParameter<long[]>("finals", [.. decisions.Select(decision => decision.FinalId)]));
        decide.Parameters.Add(new NpgsqlParameter<bool[]>("taken", [.. decisions.Select(decision => decision.IsTaken)]));
        decide.Parameters.Add(new NpgsqlParameter<string>("node", node));
        decide.Parameters.Add(new NpgsqlParameter<TimeSpan>("lock", lockDuration));
        return decide;
    }

    private static void AddPoll(NpgsqlBatch batch, OutboxSql sql, OutboxShape shape, PollRequest request)
    {
        batch.BatchCommands.Add(new NpgsqlBatchCommand(OutboxSql.BoundIdling));
        batch.BatchCommands.Add(new NpgsqlBatchCommand(sql.LockRounds));
        var poll = new NpgsqlBatchCommand(sql.Poll);
        poll.Parameters.Add(new NpgsqlParameter<string>("node", request.Node));
        poll.Parameters.Add(new NpgsqlParameter<string[]>("left_out", [.. request.LeftOutChannels]));
        poll.Parameters.Add(new NpgsqlParameter<bool>("own_too", request.WithOwn));
        poll.Parameters.Add(new NpgsqlParameter<int>("limit", request.Limit));
        if (!shape.KeepsProgress)
        {
            poll.Parameters.Add(new NpgsqlParameter<long>("highest", request.Remembered?.Highest ?? 0));
            poll.Parameters.Add(new NpgsqlParameter<long?>("horizon", request.Remembered?.Horizon));
        }

        batch.BatchCommands.Add(poll);
    }

    private static NpgsqlBatchCommand KeepProgress(OutboxSql sql, OutboxProgress progress)
    {
        var keep = new NpgsqlBatchCommand(sql.KeepProgress);
        keep.Parameters.Add(new NpgsqlParameter<long>("highest", progress.Highest));
        keep.Parameters.Add(new NpgsqlParameter<long>("horizon", progress.Horizon!.Value));
        return keep;
    }

    /// <summary>Finds the statements that were prepared on the connection; nothing is sent.</summary>
    private Task UsePreparedAsync(NpgsqlBatch batch, CancellationToken cancellationToken) =>
        isPrepared ? batch.PrepareAsync(cancellationToken) : Task.CompletedTask;

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
