using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Outbox;

/// <summary>A row that is finished: stored at its target, or a dead letter.</summary>
sealed record Settlement(SettledRow Row, DeadLetter? Letter);

/// <summary>Removes finished rows from the table, many in one statement.</summary>
/// <remarks>
/// Bounded by what the node has in work. While the database is away it waits and tries again; the rows stay locked. A crash before a row is
/// settled means that its next owner sends it again, under the same id.
/// </remarks>
sealed partial class SettleQueue(OutboxContext context, OutboxTable table, string node)
{
    private const int RowsPerStatement = 1_000;

    // As many as there are rows in work, which rounds bound.
    private readonly Channel<Settlement> finished = Channel.CreateUnbounded<Settlement>(
        new UnboundedChannelOptions { SingleReader = true });
    private readonly HashSet<long> tombstones = []; // the loop's own, and what polls add
    private readonly List<(Settlement Settlement, string Reason, long Since)> stuck = [];

    /// <summary>Raised with the ids of rows that are gone from the table.</summary>
    public event Action<IEnumerable<long>>? Settled;

    public void Add(Settlement settlement) => finished.Writer.TryWrite(settlement);

    /// <summary>Ends the input: <see cref="RunAsync"/> returns when it has settled the rest.</summary>
    public void Complete() => finished.Writer.TryComplete();

    /// <summary>Adds tombstones that a poll has found.</summary>
    public void AddTombstones(IEnumerable<long> found)
    {
        lock (tombstones)
        {
            tombstones.UnionWith(found);
        }
    }

    /// <exception cref="PostgresException">The table has been replaced (<see cref="OutboxTable.IsStale"/>).</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await NextAsync(cancellationToken))
        {
            var batch = new List<Settlement>();
            while (batch.Count < RowsPerStatement && finished.Reader.TryRead(out var settlement))
            {
                batch.Add(settlement);
            }

            batch.AddRange(TakeStuckThatAreDue());
            await SettleAsync([.. batch.Where(settlement => settlement.Letter is null)], cancellationToken);
            foreach (var letter in batch.Where(settlement => settlement.Letter is not null))
            {
                await SettleAsync([letter], cancellationToken);
            }

            context.Health.SettlingFault = stuck.Count == 0
                ? null
                : $"{stuck.Count} published {(stuck.Count == 1 ? "row" : "rows")} cannot be removed: {stuck[0].Reason}";
        }
    }

    /// <summary>Waits until there is something to settle, or something stuck to try again. False when no more will come.</summary>
    private async Task<bool> NextAsync(CancellationToken cancellationToken)
    {
        var next = finished.Reader.WaitToReadAsync(cancellationToken).AsTask();
        if (stuck.Count > 0)
        {
            using var rest = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var ended = await Task.WhenAny(next, Task.Delay(context.Options.MaxRetryDelay, context.Time, rest.Token));
            await rest.CancelAsync();
            cancellationToken.ThrowIfCancellationRequested();
            if (ended != next)
            {
                return true;
            }
        }

        return await next;
    }

    /// <summary>
    /// Settles rows together. A row that PostgreSQL refuses is found by halves and set aside, so that it delays no other.
    /// </summary>
    private async Task SettleAsync(IReadOnlyList<Settlement> rows, CancellationToken cancellationToken)
    {
        if (rows.Count == 0)
        {
            return;
        }

        var refused = await new Retry(context.Options.RetryDelay, context.Options.MaxRetryDelay, context.Clock).UntilSuccessAsync(
            token => TryWriteAsync(rows, token), OutboxTable.IsTransient, OnFailure, cancellationToken);
        if (refused is null)
        {
            Settled?.Invoke(rows.Select(row => row.Row.Id));
        }
        else if (rows.Count == 1)
        {
            Log.Stuck(context.Logger, rows[0].Row.Id, refused.MessageText);
            stuck.Add((rows[0], OutboxFault.Of(refused), context.Time.GetTimestamp()));
        }
        else
        {
            await SettleAsync([.. rows.Take(rows.Count / 2)], cancellationToken);
            await SettleAsync([.. rows.Skip(rows.Count / 2)], cancellationToken);
        }
    }

    /// <returns>PostgreSQL's refusal of one of the rows; null when all are written.</returns>
    private async Task<PostgresException?> TryWriteAsync(IReadOnlyList<Settlement> rows, CancellationToken cancellationToken)
    {
        var known = TakeTombstones();
        try
        {
            await WriteAsync(rows, known, cancellationToken);
            return null;
        }
        catch (PostgresException refused) when (IsOfRows(refused))
        {
            AddTombstones(known);
            context.Health.CountOutboxError();
            return refused;
        }
        catch
        {
            AddTombstones(known);
            throw;
        }
    }

    private ValueTask OnFailure(Exception failure)
    {
        context.Health.CountOutboxError();
        context.Health.SettlingFault = $"published rows cannot be removed: {OutboxFault.Of(failure)}";
        Log.NotSettled(context.Logger, failure.Message);
        return ValueTask.CompletedTask;
    }

    private async Task WriteAsync(IReadOnlyList<Settlement> rows, long[] known, CancellationToken cancellationToken)
    {
        if (rows[0].Letter is { } letter)
        {
            await table.DeadLetterAsync(node, rows[0].Row, letter, known, cancellationToken);
        }
        else if (await table.SettleAsync(node, [.. rows.Select(row => row.Row)], known, cancellationToken) is { } kept)
        {
            AddTombstones([kept]);
        }
    }

    private IEnumerable<Settlement> TakeStuckThatAreDue()
    {
        var due = stuck.Where(row => context.Time.GetElapsedTime(row.Since) >= context.Options.MaxRetryDelay).ToList();
        stuck.RemoveAll(due.Contains);
        return due.Select(row => row.Settlement);
    }

    /// <summary>
    /// Data, constraints, and errors that triggers raise: other rows may succeed.
    /// https://www.postgresql.org/docs/current/errcodes-appendix.html
    /// </summary>
    private static bool IsOfRows(PostgresException refused) =>
        refused.SqlState[..2] is "22" or "23" or "P0" or "2F" or "38" or "39" or "44";

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

        [LoggerMessage(3022, LogLevel.Warning,
            "published row {Id} cannot be removed from the outbox; it stays locked and is tried again: {Reason}")]
        public static partial void Stuck(ILogger logger, long id, string reason);
    }
}
