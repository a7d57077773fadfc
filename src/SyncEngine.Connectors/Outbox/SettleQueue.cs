using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Outbox;

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
        var pause = new RetryPause(options.RetryDelay, options.MaxRetryDelay, random);
        while (await done.Reader.WaitToReadAsync(cancellationToken))
        {
            var stored = new List<SettledRow>();
            var letters = new List<Settlement>();
            while (stored.Count + letters.Count < AtOnce && done.Reader.TryRead(out var settlement))
            {
                if (settlement.Letter is null)
                {
                    stored.Add(settlement.Row);
                }
                else
                {
                    letters.Add(settlement);
                }
            }

            await UntilDoneAsync(() => SettleAsync(stored, cancellationToken), pause, cancellationToken);
            foreach (var letter in letters)
            {
                await UntilDoneAsync(() => DeadLetterAsync(letter, cancellationToken), pause, cancellationToken);
            }
        }
    }

    private async Task SettleAsync(List<SettledRow> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var known = TakeTombstones();
        try
        {
            if (await table.SettleAsync(node, rows, known, cancellationToken) is { } kept)
            {
                Know([kept]);
            }
        }
        catch
        {
            Know(known);
            throw;
        }

        Settled?.Invoke(rows.Select(row => row.Id));
    }

    private async Task DeadLetterAsync(Settlement settlement, CancellationToken cancellationToken)
    {
        var (target, code, error) = settlement.Letter!;
        await table.DeadLetterAsync(node, settlement.Row, target, code, error, TakeTombstones(), cancellationToken);
        Settled?.Invoke([settlement.Row.Id]);
    }

    private async Task UntilDoneAsync(Func<Task> attempt, RetryPause pause, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await attempt();
                pause.Reset();
                return;
            }
            catch (Exception failure) when (failure is NpgsqlException or TimeoutException && !OutboxTable.IsStale(failure))
            {
                health.OutboxErrors++;
                Log.NotSettled(logger, failure.Message);
                await Task.Delay(pause.Next(), time, cancellationToken);
            }
        }
    }

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
    }
}
