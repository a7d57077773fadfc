using Npgsql.Replication;
using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Queues the positions that the stream has passed without a commit of ours. Npgsql answers keepalives itself and shows only the highest
/// LSN it has seen.
/// </summary>
/// <remarks>
/// Between two transactions that LSN is exact. The only message whose header may have been seen but not handled is then a Begin or a
/// logical message. Those lie below the end of any commit that is still to come.
/// So the order is: check that no transaction is open, read the LSN, check again that nothing was handled meanwhile.
/// </remarks>
internal sealed class PositionReporter(EventQueue events, ReadingProgress progress, TimeProvider time)
{
    private static readonly TimeSpan interval = TimeSpan.FromMilliseconds(20);

    public async Task RunAsync(LogicalReplicationConnection replication, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            var mark = progress.Mark;
            var received = new Lsn((ulong)replication.LastReceivedLsn);
            if (received != Lsn.Zero && events.TryStart() && !mark.IsInTransaction)
            {
                events.OfferPosition(received, progress, mark);
            }
        }
    }
}
