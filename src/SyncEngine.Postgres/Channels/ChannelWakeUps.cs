using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Channels;

/// <summary>The one LISTEN connection that tells a process which channels have new messages.</summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled. What is notified while there is no connection is lost, so <c>everything</c> is called whenever there is one again.
/// </remarks>
public sealed class ChannelWakeUps(ChannelMessages messages, TimeProvider time)
{
    private static readonly TimeSpan shortestPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan longestPause = TimeSpan.FromSeconds(5);

    /// <summary>Silence after which the connection is asked whether it is alive.</summary>
    internal TimeSpan Quiet { get; init; } = TimeSpan.FromSeconds(10);

    /// <param name="woken">Gets each payload (<see cref="ChannelMessages.WakeUpOf"/>); it must not wait.</param>
    /// <param name="everything">Any channel may have new messages.</param>
    public async Task RunAsync(Action<string> woken, Action everything, CancellationToken cancellationToken)
    {
        var backoff = new Backoff(shortestPause, longestPause, new Random(Environment.ProcessId));
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await ListenAsync(woken, () =>
                {
                    backoff.Reset();
                    everything();
                }, cancellationToken);
            }
            catch (Exception lost) when (ChannelFailures.IsOfDatabase(lost) && !cancellationToken.IsCancellationRequested)
            {
                // Readers look every few seconds by themselves; until then and for as long as it takes, another attempt.
            }

            await Task.Delay(backoff.Next(), time, cancellationToken);
        }
    }

    private async Task ListenAsync(Action<string> woken, Action everything, CancellationToken cancellationToken)
    {
        await using var connection = await messages.ConnectAsync(cancellationToken);
        connection.Notification += (_, notification) => woken(notification.Payload);
        await using (var listen = new NpgsqlCommand("LISTEN " + ChannelMessages.Notification, connection))
        {
            await listen.ExecuteNonQueryAsync(cancellationToken);
        }

        everything();
        while (true)
        {
            if (!await connection.WaitAsync(Quiet, cancellationToken))
            {
                // A line that is dead and has not said so is found by using it.
                await using var probe = new NpgsqlCommand("SELECT 1", connection) { CommandTimeout = (int)longestPause.TotalSeconds };
                await probe.ExecuteNonQueryAsync(cancellationToken);
            }
        }
    }
}
