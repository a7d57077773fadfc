using Npgsql.Replication;
using Npgsql.Replication.Internal;
using NpgsqlTypes;
using SyncEngine.Ports;

namespace SyncEngine.Postgres.Replication;

/// <summary>Reads the messages of one connection after another, and queues the events that they complete.</summary>
/// <remarks>Backpressure: when the queue is full, reading pauses; Npgsql's timer sends feedback all the same.</remarks>
internal sealed class MessageReader(string publication, TransactionAssembler assembler, EventQueue events, ReadingProgress progress)
{
    private const int LargestBatch = 64;

    /// <summary>Reads until the server ends the stream.</summary>
    public async Task RunAsync(LogicalReplicationConnection replication, ReadySlot slot, CancellationToken cancellationToken)
    {
        var hasStarted = false;
        var handled = 0L;
        var finished = new List<SourceEvent>(LargestBatch);
        var stream = replication.StartLogicalReplication(
            new RawSlot(slot.Name, slot.From), cancellationToken, new NpgsqlLogSequenceNumber(slot.From.Value), PluginOptions());
        await using var messages = stream.GetAsyncEnumerator(cancellationToken);
        try
        {
            while (true)
            {
                // Finished events are queued before waiting for the network, and together while messages are there already:
                // waking the consumer for each small transaction would cost more than reading it.
                var next = messages.MoveNextAsync();
                if (finished.Count > 0 && (!next.IsCompleted || finished.Count >= LargestBatch))
                {
                    try
                    {
                        await events.DeliverAsync(finished, cancellationToken);
                    }
                    catch
                    {
                        // An enumerator must not be disposed of in the middle of a move; the same cancellation ends this one.
                        await ((Task)next.AsTask()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                        throw;
                    }

                    progress.Set(handled, assembler.InTransaction);
                }

                if (!await next)
                {
                    return;
                }

                if (!hasStarted)
                {
                    await events.StartAsync(cancellationToken);
                    hasStarted = true;
                }

                // Npgsql reuses the message and its stream: the bytes are taken now. The cancellation of the whole enumeration ends these
                // reads, too.
                var data = messages.Current.Data;
                var length = checked((int)data.Length);
                await data.ReadExactlyAsync(assembler.Reserve(length), CancellationToken.None);
                if (assembler.Accept(length) is { } completed)
                {
                    finished.Add(completed);
                }

                handled++;
                progress.Set(handled, assembler.InTransaction || finished.Count > 0);
            }
        }
        finally
        {
            DisposeAll(finished);
        }
    }

    private IEnumerable<KeyValuePair<string, string?>> PluginOptions() =>
    [
        new("proto_version", "1"),
        // A list of identifiers inside a literal.
        new(
            "publication_names",
            $"\"{publication.Replace("\"", "\"\"", StringComparison.Ordinal)}\"".Replace("'", "''", StringComparison.Ordinal)),
        new("messages", "on"),
    ];

    private static void DisposeAll(List<SourceEvent> undelivered)
    {
        foreach (var completed in undelivered)
        {
            (completed as SourceEvent.Transaction)?.Committed.Dispose();
        }
    }
}
