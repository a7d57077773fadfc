using Dapper;
using Npgsql;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Observability;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

public sealed class HubTargetTests(HubDatabase hub) : IClassFixture<HubDatabase>
{
    private readonly string channel = hub.NewChannel();

    [Fact]
    public async Task Messages_are_stored_as_they_are()
    {
        OutboundMessage[] sent =
        [
            new(channel, "7", "it's \"new\"\n", """{"a": [1, null, "é\\"]}""", """{"h": 1}"""),
            new(channel, "9223372036854775807", "", null, "{}"),
        ];

        Assert.Equal(new PublishResult(2), await hub.Target.PublishAsync(sent, CancellationToken.None));

        await using var connection = await hub.Database.DataSource.OpenConnectionAsync(TestContext.Current.CancellationToken);
        var held = await connection.QueryAsync<(long, string, string?, string)>(
            "SELECT id, name, data::text, headers::text FROM sync.channel_messages WHERE channel = @channel ORDER BY id", new { channel });
        Assert.Equal([(7, sent[0].Name, """{"a": [1, null, "é\\"]}""", """{"h": 1}"""), (long.MaxValue, "", null, "{}")], held);
        Assert.Equal(HealthStatus.Up, hub.Target.Health.State.Status);
    }

    [Fact]
    public async Task A_repetition_is_stored_once()
    {
        await hub.PublishAsync(channel, 1, 2, 3);
        await hub.PublishAsync(channel, 2, 3, 4);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => hub.PublishAsync(channel, 4, 5, 6)));

        Assert.Equal("1,2,3,4,5,6", await hub.StoredAsync(channel));
    }

    [Theory]
    [InlineData("""{"a": "\u0000"}""", "{}", "22P05")]
    [InlineData("""{"a": "\ud800"}""", "{}", "22P02")]
    [InlineData("not json", "{}", "22P02")]
    [InlineData("1e200000", "{}", "22003")]
    [InlineData("1", "nor this", "22P02")]
    public async Task A_message_that_PostgreSQL_cannot_store_is_refused_for_good_and_those_before_it_are_stored(
        string data, string headers, string code)
    {
        var bad = new OutboundMessage(channel, "3", "bad", data, headers);
        OutboundMessage[] sent = [HubDatabase.Message(channel, 1), HubDatabase.Message(channel, 2), bad, HubDatabase.Message(channel, 4)];

        var result = await hub.Target.PublishAsync(sent, CancellationToken.None);

        Assert.Equal((2, RefusalKind.Never, code), (result.Stored, result.Refusal!.Kind, result.Refusal.Code));
        Assert.DoesNotContain("not json", result.Refusal.Reason);
        Assert.Equal("1,2", await hub.StoredAsync(channel));
        Assert.Equal(HealthStatus.Up, hub.Target.Health.State.Status);
    }

    [Fact]
    public async Task Names_and_ids_that_cannot_be_stored_are_refused_for_good()
    {
        foreach (var bad in (OutboundMessage[])
            [
                new(channel, "2", "a\0b", null, "{}"),
                new(channel, "2", "\ud800", null, "{}"),
                new(channel, "two", "name", null, "{}"),
                new(channel, "9223372036854775808", "name", null, "{}"),
            ])
        {
            var result = await hub.Target.PublishAsync(
                [HubDatabase.Message(channel, 1), bad, HubDatabase.Message(channel, 3)], CancellationToken.None);
            Assert.Equal((1, RefusalKind.Never), (result.Stored, result.Refusal?.Kind));
        }

        Assert.Equal("1", await hub.StoredAsync(channel));
        var random = new Random(20261120);
        var tooLong = string.Concat(Enumerable.Range(0, 9_000).Select(_ => (char)random.Next(0x4e00, 0x9fff)));
        foreach (var unreadable in (string[])[tooLong, "", new string('x', 1_025), "a\0b", "\ud800"])
        {
            var refusal = (await hub.Target.PublishAsync([HubDatabase.Message(unreadable, 1)], CancellationToken.None)).Refusal;
            Assert.Equal((RefusalKind.Never, "invalid_channel"), (refusal?.Kind, refusal?.Code));
        }

        var longest = new string('x', 1_024);
        Assert.Equal(new PublishResult(1), await hub.Target.PublishAsync([HubDatabase.Message(longest, 1)], CancellationToken.None));
    }

    [Fact]
    public async Task A_missing_table_or_privilege_pauses_and_says_what_to_run()
    {
        var role = await hub.CreateRoleAsync("writer");
        await using var poor = new HubTarget(HubDatabase.Over(hub.Database.As(role)), TimeProvider.System);
        var denied = (await poor.PublishAsync([HubDatabase.Message(channel, 1)], CancellationToken.None)).Refusal!;
        Assert.Equal((RefusalKind.Pause, "42501"), (denied.Kind, denied.Code));
        Assert.Contains("GRANT SELECT, INSERT, DELETE ON sync.channel_messages", denied.Reason);

        await hub.Database.ExecuteAsync("ALTER TABLE sync.channel_messages RENAME TO elsewhere");
        try
        {
            var missing = (await hub.Target.PublishAsync([HubDatabase.Message(channel, 1)], CancellationToken.None)).Refusal!;
            Assert.Equal((RefusalKind.Pause, "42P01"), (missing.Kind, missing.Code));
            Assert.Contains("\"setup\"", missing.Reason);
            Assert.Equal(HealthStatus.Down, hub.Target.Health.State.Status);
        }
        finally
        {
            await hub.Database.ExecuteAsync("ALTER TABLE sync.elsewhere RENAME TO channel_messages");
        }

        await hub.PublishAsync(channel, 1);
        Assert.Equal(HealthStatus.Up, hub.Target.Health.State.Status);
    }

    [Fact]
    public async Task A_database_that_is_away_is_tried_again()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=x;Password=topsecret;Timeout=2");
        await using var target = new HubTarget(HubDatabase.Over(nowhere), TimeProvider.System);

        var result = await target.PublishAsync([HubDatabase.Message(channel, 1)], CancellationToken.None);

        Assert.Equal((0, RefusalKind.Retry, "unreachable"), (result.Stored, result.Refusal!.Kind, result.Refusal.Code));
        Assert.Equal(HealthStatus.Down, target.Health.State.Status);
        Assert.DoesNotContain("topsecret", result.Refusal.Reason);
    }

    [Fact]
    public async Task Only_the_callers_token_cancels()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => hub.Target.PublishAsync([HubDatabase.Message(channel, 1)], new CancellationToken(canceled: true)));
    }

    [Fact]
    public async Task A_sweep_leaves_what_has_not_expired_the_newest_expired_message_and_the_newest()
    {
        var quiet = hub.NewChannel();
        await hub.PublishAsync(channel, [.. Enumerable.Range(1, 20)]);
        await hub.PublishAsync(quiet, 1, 2);

        await hub.ExpireAsync(quiet, upTo: 2);
        await hub.ExpireAsync(channel, upTo: 15);

        Assert.Equal("15,16,17,18,19,20", await hub.StoredAsync(channel));
        Assert.Equal("2", await hub.StoredAsync(quiet));
    }

    [Fact]
    public async Task A_sweep_takes_whole_beginnings_whatever_the_clock_did()
    {
        await hub.PublishAsync(channel, 1, 2, 3, 4, 5);
        await hub.Database.ExecuteAsync(
            $"UPDATE sync.channel_messages SET time = now() - interval '1 hour' WHERE channel = '{channel}' AND id IN (3, 4)");

        Assert.Null(await hub.Messages.SweepAsync(TestContext.Current.CancellationToken));

        Assert.Equal("4,5", await hub.StoredAsync(channel));
    }

    [Fact]
    public async Task A_large_backlog_is_swept_in_steps_by_one_engine_at_a_time()
    {
        await hub.Database.ExecuteAsync(
            "INSERT INTO sync.channel_messages (channel, id, name, headers, time)"
                + $" SELECT '{channel} ' || n % 7, n, '', '{{}}', now() - interval '1 hour' FROM generate_series(1, 17000) AS n");

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => hub.Messages.SweepAsync(CancellationToken.None)));
        await Eventually.TrueAsync(async () =>
        {
            await hub.Messages.SweepAsync(CancellationToken.None);
            return await hub.Database.ScalarAsync<long>($"SELECT count(*) FROM sync.channel_messages WHERE channel LIKE '{channel} %'") ==
                7;
        });
    }

    [Fact]
    public async Task The_target_sweeps_by_itself()
    {
        await using var target = new HubTarget(
            HubDatabase.Over(hub.Database.DataSource, TimeSpan.FromMilliseconds(1)), TimeProvider.System);
        await target.PublishAsync([HubDatabase.Message(channel, 1), HubDatabase.Message(channel, 2)], CancellationToken.None);

        await Eventually.TrueAsync(async () => await hub.StoredAsync(channel) == "2");
    }
}
