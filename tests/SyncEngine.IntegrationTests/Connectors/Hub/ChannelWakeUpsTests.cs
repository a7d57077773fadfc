using System.Threading.Channels;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Postgres.Channels;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

public sealed class ChannelWakeUpsTests(HubDatabase hub) : IClassFixture<HubDatabase>
{
    [Fact]
    public async Task After_a_silence_notifications_are_heard_as_before()
    {
        using var stopping = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        var heard = Channel.CreateUnbounded<string>();
        var wakeUps = new ChannelWakeUps(hub.Messages, TimeProvider.System) { Quiet = TimeSpan.FromMilliseconds(20) };
        var running = wakeUps.RunAsync(payload => heard.Writer.TryWrite(payload), () => { }, stopping.Token);

        // The connection is asked whether it is alive.
        await Eventually.TrueAsync(async () => running.IsCompleted || await hub.Database.ScalarAsync<long>(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' AND query = 'SELECT 1'") > 0);
        await hub.Database.ExecuteAsync($"NOTIFY {ChannelMessages.Notification}, 'news'");

        var first = await Task.WhenAny(running, heard.Reader.ReadAsync(stopping.Token).AsTask());
        Assert.NotSame(running, first);
        await stopping.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => running);
    }
}
