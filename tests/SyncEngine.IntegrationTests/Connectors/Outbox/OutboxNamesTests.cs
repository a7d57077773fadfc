using SyncEngine.AblySimulator;
using SyncEngine.IntegrationTests.Connectors.Ably;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

public sealed class OutboxNamesTests(PostgresFixture postgres)
{
    [Theory]
    [InlineData("No.des", "Nöd\"es", 1)]
    [InlineData("public", "Nodes", 2)] // one nodes table for both
    public async Task Two_outboxes_of_one_database_go_their_own_ways_whatever_they_are_called(
        string nodesSchema, string nodesTable, int nodesInTable)
    {
        OutboxNames[] names = [new("Event \"store\".x", "Out.Box's", nodesSchema, nodesTable), new(
            "public", "outbox; --", "public", "Nodes")];
        await using var outbox = await OutboxDatabase.CreateAsync(postgres);
        await using var ably = await SimulatedAbly.StartAsync();
        foreach (var (each, number) in names.Select((each, number) => (each, number)))
        {
            await outbox.ExecuteAsync(
                $"CREATE SCHEMA IF NOT EXISTS {Quoting.Identifier(each.Schema)};"
                + $" CREATE SCHEMA IF NOT EXISTS {Quoting.Identifier(each.NodesSchema)}");
            await outbox.CreateTablesAsync(names: each);
            var named = outbox.Options with { Schema = each.Schema, Table = each.Table };
            outbox.Start(AblyFixture.Target(ably), options: named with { NodesSchema = each.NodesSchema, NodesTable = each.NodesTable });
            await outbox.ExecuteAsync(
                $"INSERT INTO {each.Outbox} (mutation_id, channel, name) SELECT 'm' || i, '{number}.' || i % 7, i"
                + " FROM generate_series(1, 300) i");
            await outbox.ExecuteAsync($"INSERT INTO {each.Outbox} (mutation_id, channel, name) VALUES ('m', ':bad', 'bad')");
        }

        await ably.WaitForAllAsync(600, AblyRun.Deadline);
        foreach (var (each, number) in names.Select((each, number) => (each, number)))
        {
            for (var channel = 0; channel < 7; channel++)
            {
                var expected = Enumerable.Range(1, 300).Where(i => i % 7 == channel).Select(i => $"{i}").ToList();
                Assert.Equal(expected, ably.Messages($"{number}.{channel}").Select(message => message.Name));
                Assert.Equal(expected, ably.Messages($"{number}.{channel}").Select(message => message.Id));
            }

            await Eventually.TrueAsync(
                async () => await outbox.ScalarAsync<long>($"SELECT count(*) FROM {each.Outbox} WHERE NOT processed") == 0);
            Assert.Equal(nodesInTable, await outbox.ScalarAsync<long>($"SELECT count(*) FROM {each.Nodes}"));
            Assert.Equal(1, await outbox.ScalarAsync<long>(
                "SELECT count(*) FROM sync.dead_letters WHERE source = @source", new { source = each.Outbox }));
            Assert.Equal(301, await outbox.ScalarAsync<long>(
                "SELECT highest FROM sync.outbox_progress WHERE outbox = @source", new { source = each.Outbox }));
        }
    }
}
