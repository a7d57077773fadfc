using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

sealed record DeadLetter(string Target, string Code, string Error);

/// <summary>A row that is done with: stored at its target, or a dead letter.</summary>
sealed record Settlement(SettledRow Row, DeadLetter? Letter);

/// <summary>Takes rows that are done with out of the table, many in one statement.</summary>
/// <remarks>
/// Bounded by what the node has in work. When the database is away it waits and tries again; the rows stay locked meanwhile. A crash before a row is settled
/// means that its next owner sends it again, under the same id.
/// </remarks>
sealed partial class SettleQueue(OutboxTable table, string node, OutboxOptions options, OutboxHealth health, TimeProvider time, Random random, ILogger logger)
{
    private const int AtOnce = 1_000;

    // As many as there are rows in work, which rounds bound.
    private readonly Channel<Settlement> done = Channel.CreateUnbounded<Settlement>(new UnboundedChannelOptions { SingleReader = true });
    private readonly HashSet<long> tombstones = []; // the loop's own, but for what looks tell

    private readonly List<(Settlement Settlement, string Reason, long Since)> stuck = [];

    public event Action<IEnumerable<long>>? Settled;

    public void Add(Settlement settlement) => done.Writer.TryWrite(settlement);

    /// <summary>No more will come: <see cref="RunAsync"/> ends when it has settled what it has.</summary>
    public void Complete() => done.Writer.TryComplete();

    public void Know(IEnumerable<long> found)
    {
        lock (tombstones)
        {
            tombstones.UnionWith(found);
        }
    }

    /// <exception cref="PostgresException">The table has become another one (<see cref="OutboxTable.IsStale"/>).</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await NextAsync(cancellationToken))
        {
            var batch = new List<Settlement>();
            while (batch.Count < AtOnce && done.Reader.TryRead(out var settlement))
            {
                batch.Add(settlement);
            }

            batch.AddRange(TakeStuckThatAreDue());
            await SettleAsync([.. batch.Where(settlement => settlement.Letter is null)], cancellationToken);
            foreach (var letter in batch.Where(settlement => settlement.Letter is not null))
            {
                await SettleAsync([letter], cancellationToken);
            }

            health.SettlingFault = stuck.Count == 0 ? null : $"{stuck.Count} published {(stuck.Count == 1 ? "row" : "rows")} cannot be removed: {stuck[0].Reason}";
        }
    }

    /// <summary>Until there is something to settle, or something stuck to try again; false when no more will come.</summary>
    private async Task<bool> NextAsync(CancellationToken cancellationToken)
    {
        var next = done.Reader.WaitToReadAsync(cancellationToken).AsTask();
        if (stuck.Count > 0)
        {
            using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var ended = await Task.WhenAny(next, Task.Delay(options.MaxRetryDelay, time, rest.Token));
            await rest.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
            if (ended != next)
            {
                return true;
            }
        }

        return await next;
    }

    /// <summary>Settles rows that go together. A row that PostgreSQL refuses is looked for by halves and set aside, so that it holds up no other.</summary>
    private async Task SettleAsync(IReadOnlyList<Settlement> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var pause = new Backoff(options.RetryDelay, options.MaxRetryDelay, random);
        while (true)
        {
            var known = TakeTombstones();
            try
            {
                await WriteAsync(rows, known, cancellationToken);
                Settled?.Invoke(rows.Select(row => row.Row.Id));
                return;
            }
            catch (PostgresException refused) when (IsOfRows(refused))
            {
                Know(known);
                health.CountOutboxError();
                if (rows.Count == 1)
                {
                    Log.Stuck(logger, rows[0].Row.Id, refused.MessageText);
                    stuck.Add((rows[0], OutboxFault.Of(refused), time.GetTimestamp()));
                    return;
                }

                await SettleAsync([.. rows.Take(rows.Count / 2)], cancellationToken);
                await SettleAsync([.. rows.Skip(rows.Count / 2)], cancellationToken);
                return;
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure))
            {
                Know(known);
                health.CountOutboxError();
                health.SettlingFault = $"published rows cannot be removed: {OutboxFault.Of(failure)}";
                Log.NotSettled(logger, failure.Message);
                await Task.Delay(pause.Next(), time, cancellationToken);
            }
        }
    }

    private async Task WriteAsync(IReadOnlyList<Settlement> rows, long[] known, CancellationToken cancellationToken)
    {
        if (rows[0].Letter is var (target, code, error))
        {
            await table.DeadLetterAsync(node, rows[0].Row, target, code, error, known, cancellationToken);
        }
        else if (await table.SettleAsync(node, [.. rows.Select(row => row.Row)], known, cancellationToken) is { } kept)
        {
            Know([kept]);
        }
    }

    private IEnumerable<Settlement> TakeStuckThatAreDue()
    {
        var due = stuck.Where(row => time.GetElapsedTime(row.Since) >= options.MaxRetryDelay).ToList();
        stuck.RemoveAll(due.Contains);
        return due.Select(row => row.Settlement);
    }

    /// <summary>Data, constraints and what triggers raise: other rows may fare better. https://www.postgresql.org/docs/current/errcodes-appendix.html</summary>
    private static bool IsOfRows(PostgresException refused) => refused.SqlState[..2] is "22" or "23" or "P0" or "2F" or "38" or "39" or "44";

    private long[] TakeTombstones()
    {
        lock (tombstones)
        {
            long[] known = [.. tombstones];
            tombstones.Clear();
            return known;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(3021, LogLevel.Warning, "published rows could not be removed from the outbox yet: {Reason}")]
        public static partial void NotSettled(ILogger logger, string reason);

        [LoggerMessage(3022, LogLevel.Warning, "published row {Id} cannot be removed from the outbox; it stays locked and is tried again: {Reason}")]
        public static partial void Stuck(ILogger logger, long id, string reason);
    }
}
