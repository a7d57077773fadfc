using System.Data;
using Npgsql;
using SyncEngine.Postgres.Errors;

namespace SyncEngine.Postgres.Replication;

/// <summary>Watches publication, slot and lag of the stream, on a connection of its own that it reconnects.</summary>
internal sealed class StreamMonitor(StreamContext context, EventQueue events, StatusRecord status, TransactionIds transactionIds)
{
    /// <summary>Watches until cancelled, or until the stream cannot be trusted any more.</summary>
    /// <param name="first">The connection to begin with; disposed of at the end.</param>
    /// <exception cref="StreamFailure">The publication or the slot is not what the stream began with.</exception>
    public async Task RunAsync(NpgsqlConnection first, uint publication, string slotName, CancellationToken cancellationToken)
    {
        var plain = first;
        var isNearItsEnd = false;
        using var timer = new PeriodicTimer(context.Options.MonitorInterval, context.Time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                StreamHealth health;
                try
                {
                    if (plain.State != ConnectionState.Open)
                    {
                        await plain.DisposeAsync();
                        plain = await context.Connections.OpenPlainAsync(cancellationToken);
                    }

                    health = await ReplicationCatalog.HealthAsync(plain, context.Options.Publication, slotName, cancellationToken);
                }
                catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
                {
                    context.Logger.MonitorFailed(exception.Message);
                    continue;
                }

                if (Fault(health, publication) is { } fault)
                {
                    throw new StreamFailure(fault);
                }

                transactionIds.Observe(health.NextXid);
                isNearItsEnd = Report(health, slotName, isNearItsEnd);
            }
        }
        finally
        {
            await plain.DisposeAsync();
        }
    }

    private string? Fault(StreamHealth health, uint publication)
    {
        if (health.PublicationOid != publication)
        {
            return StreamFailure.PublicationChanged(context.Options.Publication);
        }

        return health.Slot switch
        {
            null => "the slot was dropped",
            { IsLost: true } => "the slot was invalidated: WAL that it needs was removed",
            _ => null,
        };
    }

    private bool Report(StreamHealth health, string slotName, bool wasNearItsEnd)
    {
        var slot = health.Slot!;
        var position = events.Delivered;
        var lag = health.FlushedUpTo > position ? (long)(health.FlushedUpTo.Value - position.Value) : 0;
        status.Change(current => current with { LagBytes = lag, RetainedBytes = slot.RetainedBytes, SafeBytes = slot.SafeBytes });
        var isNearItsEnd = slot.SafeBytes < slot.RetainedBytes;
        if (isNearItsEnd && !wasNearItsEnd)
        {
            context.Logger.SlotNearItsEnd(slotName, slot.RetainedBytes, slot.SafeBytes ?? 0);
        }

        return isNearItsEnd;
    }
}
