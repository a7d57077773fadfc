using System.Threading.Channels;
using Npgsql;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Replication;

/// <summary>
/// Writes a small flushed logical message when asked, so that the stream progresses although nothing else is written. Requests during one
/// are answered by one more.
/// </summary>
internal sealed class ProgressMessageWriter(StreamContext context)
{
    public const string Prefix = "syncengine";

    private readonly Channel<bool> requests = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    public void Request() => requests.Writer.TryWrite(true);

    /// <summary>Answers requests until cancelled, on a connection of its own; after a failure it connects anew and writes again.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Short pauses always: a snapshot waits for the message.
        var pause = context.Options.MinimumBackoff;
        await new Retry(pause, pause, RetryClock.ForProcess(context.Time)).ForeverAsync(
            AnswerAsync, DatabaseFailure.IsOfDatabase, Failed, cancellationToken);
    }

    private void Failed(Exception failure)
    {
        context.Logger.ProgressMessageFailed(failure.Message);
        Request();
    }

    private async Task AnswerAsync(CancellationToken cancellationToken)
    {
        await requests.Reader.WaitToReadAsync(cancellationToken);
        await using var connection = await context.Connections.OpenPlainAsync(cancellationToken);
        await foreach (var _ in requests.Reader.ReadAllAsync(cancellationToken))
        {
            await using var command = new NpgsqlCommand($"SELECT pg_logical_emit_message(true, '{Prefix}', '')", connection);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}
