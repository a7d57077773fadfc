using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

public sealed class ReplicationSourceTests(PostgresServer server)
{
    [Fact]
    public async Task Row_kinds_arrive_in_order_in_one_transaction()
    {
        await using var probe = await StreamProbe.StartAsync(server, "CREATE TABLE a (id int PRIMARY KEY, body text)");
        var started = await probe.StartedAsync();
        Assert.False(started.IsContinuation);
        await probe.ExecuteAsync("BEGIN; INSERT INTO a VALUES (1, 'x'), (2, NULL); UPDATE a SET body = 'ü' WHERE id = 2; UPDATE a SET id = 3 WHERE id = 2; DELETE FROM a WHERE id = 1; COMMIT");
        var seen = await probe.TransactionAsync();
        Assert.Equal(
            ["relation a(id! body) Default", "insert a (1,x)", "insert a (2,NULL)", "update a (2,ü)", "update a Key (2,NULL) -> (3,ü)", "delete a Key (1,NULL)"],
            seen.Changes);
        Assert.Equal(await probe.OidsAsync(), seen.Touched);
        Assert.True(seen.EndLsn > seen.CommitLsn && seen.CommitLsn > started.From);
        Assert.Equal(1, seen.WatchVersion);
    }
}
