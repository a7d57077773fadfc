using System.Globalization;
using System.Text.Json;
using Npgsql;
using SyncEngine.Connectors.Targets;
using SyncEngine.Errors;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Permissions;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

public sealed class ChannelFeedTests(HubDatabase hub) : IClassFixture<HubDatabase>
{
    private readonly string channel = hub.NewChannel();

    [Fact]
    public async Task A_client_gets_what_is_held_then_live_then_what_comes_in_order()
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, 1, 2);
        await hub.PublishAsync(hub.NewChannel(), 3);
        await using var reader = ChannelReader.Of(feed, channel);
        await reader.ExpectAsync("message 1", "message 2", "live 2");

        await hub.PublishAsync(channel, 10, 11);
        await hub.PublishAsync(channel, 12);

        await reader.ExpectAsync("message 10", "message 11", "message 12");
    }

    [Fact]
    public async Task A_message_has_the_form_that_clients_know()
    {
        await using var feed = hub.Feed();
        var before = TimeProvider.System.GetUtcNow().AddMinutes(-1).ToUnixTimeMilliseconds();
        await hub.Target.PublishAsync(
            [
                new(channel, "7", "new \"one\"", """{"a":[1,"é\n"]}""", """{"h":1,"x-ably-models-event-uuid":"u"}"""),
                new(channel, "8", "bare", null, "{}"),
            ],
            CancellationToken.None);
        await using var reader = ChannelReader.Of(feed, channel);

        var frame = await reader.NextAsync();
        Assert.Equal(["type", "channel", "message"], frame.EnumerateObject().Select(member => member.Name));
        Assert.Equal(channel, frame.GetProperty("channel").GetString());
        var message = frame.GetProperty("message");
        Assert.Equal(["id", "name", "data", "encoding", "timestamp", "extras"], message.EnumerateObject().Select(member => member.Name));
        Assert.Equal(
            ("7", "new \"one\"", "json"),
            (message.GetProperty("id").GetString(), message.GetProperty("name").GetString(), message.GetProperty("encoding").GetString()));
        Assert.Equal("é\n", JsonElement.Parse(message.GetProperty("data").GetString()!).GetProperty("a")[1].GetString());
        Assert.InRange(message.GetProperty("timestamp").GetInt64(), before, before + 120_000);
        Assert.Equal("u", message.GetProperty("extras").GetProperty("headers").GetProperty("x-ably-models-event-uuid").GetString());
        Assert.Equal(
            ["id", "name", "timestamp", "extras"],
            (await reader.NextAsync()).GetProperty("message").EnumerateObject().Select(member => member.Name));
    }

    [Fact]
    public async Task A_client_resumes_after_the_last_message_that_it_has()
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, 5, 6, 7);

        await using var middle = ChannelReader.Of(feed, channel, "5");
        await middle.ExpectAsync("message 6", "message 7", "live 7");
        await using var end = ChannelReader.Of(feed, channel, "7");
        await end.ExpectAsync("live 7");
        await hub.PublishAsync(channel, 8);
        await middle.ExpectAsync("message 8");
        await end.ExpectAsync("message 8");
    }

    [Theory]
    [InlineData("seven")]
    [InlineData("-1")]
    [InlineData(" 7")]
    [InlineData("7.0")]
    [InlineData("99999999999999999999")]
    [InlineData("8")]
    [InlineData("")]
    public async Task A_position_that_is_none_of_the_channels_past_is_reset(string from)
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, 6, 7);
        await using var reader = ChannelReader.Of(feed, channel, from);

        await reader.ExpectAsync("reset must_refetch", "message 6", "message 7", "live 7");
        await hub.PublishAsync(channel, 8);
        await reader.ExpectAsync("message 8");
    }

    [Fact]
    public async Task Messages_that_are_no_longer_kept_lead_to_a_reset()
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, [.. Enumerable.Range(1, 10)]);
        await hub.ExpireAsync(channel, upTo: 6);

        await using var early = ChannelReader.Of(feed, channel, "5");
        await early.ExpectAsync("reset must_refetch", "message 6", "message 7", "message 8", "message 9", "message 10", "live 10");
        await using var held = ChannelReader.Of(feed, channel, "6");
        await held.ExpectAsync("message 7");
        await using var beginning = ChannelReader.Of(feed, channel);
        await beginning.ExpectAsync("message 6");
    }

    [Fact]
    public async Task A_quiet_channels_client_resumes_although_its_message_has_expired()
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, 1, 2);
        await hub.ExpireAsync(channel, upTo: 2);
        await hub.PublishAsync(channel, 3);
        await hub.Messages.SweepAsync(TestContext.Current.CancellationToken);

        await using var reader = ChannelReader.Of(feed, channel, "2");
        await reader.ExpectAsync("message 3", "live 3");
    }

    [Fact]
    public async Task A_client_that_stops_reading_gets_the_rest_later_or_a_reset()
    {
        await using var feed = hub.Feed();
        await using var late = ChannelReader.Of(feed, channel);
        await using var gone = ChannelReader.Of(feed, channel);
        await late.ExpectAsync("live null");
        await gone.ExpectAsync("live null");
        // More than a tail keeps, so that the table is read again.
        var data = JsonSerializer.Serialize(new string('x', 20_000));
        for (var id = 1; id <= 60; id++)
        {
            await hub.Target.PublishAsync([HubDatabase.Message(channel, id, data)], CancellationToken.None);
        }

        for (var id = 1; id <= 60; id++)
        {
            Assert.Equal($"message {id}", await late.ShortAsync());
        }

        await hub.ExpireAsync(channel, upTo: 50);
        await gone.ExpectAsync("reset must_refetch", "message 50", "message 51");
    }

    [Fact]
    public async Task A_truncated_channel_is_a_reset_for_those_who_listen()
    {
        await using var feed = hub.Feed(recheck: TimeSpan.FromMilliseconds(50));
        await hub.PublishAsync(channel, 5);
        await using var reader = ChannelReader.Of(feed, channel);
        await reader.ExpectAsync("message 5", "live 5");

        await hub.Database.ExecuteAsync($"DELETE FROM sync.channel_messages WHERE channel = '{channel}'");

        await reader.ExpectAsync("reset must_refetch", "live null");
        await hub.PublishAsync(channel, 1);
        await reader.ExpectAsync("message 1");
    }

    [Fact]
    public async Task Every_feed_of_the_database_delivers()
    {
        await using var one = hub.Feed();
        await using var other = hub.Feed();
        await using var readerOfOne = ChannelReader.Of(one, channel);
        await using var readerOfOther = ChannelReader.Of(other, channel);
        await readerOfOne.ExpectAsync("live null");
        await readerOfOther.ExpectAsync("live null");

        await hub.PublishAsync(channel, 1, 2);

        await readerOfOne.ExpectAsync("message 1", "message 2");
        await readerOfOther.ExpectAsync("message 1", "message 2");
    }

    [Fact]
    public async Task Notifications_wake_readers_at_once()
    {
        // Nothing but the notification can be in time here.
        await using var named = Named();
        await using var feed = hub.Feed(named, recheck: TimeSpan.FromMinutes(10));
        await using var reader = ChannelReader.Of(feed, channel);
        await reader.ExpectAsync("live null");
        await ListeningAsync();

        for (var id = 1; id <= 20; id++)
        {
            await hub.PublishAsync(channel, id);
            await reader.ExpectAsync($"message {id}");
        }
    }

    [Fact]
    public async Task A_listener_that_is_killed_loses_nothing()
    {
        // As above: after the kill only the new connection's poll can find what was not notified.
        await using var named = Named();
        await using var feed = hub.Feed(named, recheck: TimeSpan.FromMinutes(10));
        await using var reader = ChannelReader.Of(feed, channel);
        await reader.ExpectAsync("live null");
        for (var id = 1; id <= 10; id++)
        {
            await ListeningAsync();
            Assert.True(await hub.Database.ScalarAsync<bool>(
                "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity"
                + $" WHERE application_name = '{channel}' AND query LIKE 'LISTEN%'"));
            await hub.PublishAsync(channel, id);
            await reader.ExpectAsync($"message {id}");
        }
    }

    [Fact]
    public async Task Streams_outlive_every_connection()
    {
        await using var feed = hub.Feed(recheck: TimeSpan.FromMilliseconds(100));
        await using var reader = ChannelReader.Of(feed, channel);
        await reader.ExpectAsync("live null");
        for (var id = 1; id <= 5; id++)
        {
            await hub.Database.ExecuteAsync(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");
            var message = HubDatabase.Message(channel, id);
            await Eventually.TrueAsync(
                async () => await hub.Target.PublishAsync([message], CancellationToken.None) == new PublishResult(1));
            await reader.ExpectAsync($"message {id}");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Readers_of_any_speed_on_two_feeds_get_every_message_once_and_in_order(int seed)
    {
        const int Last = 1_500;
        await using var one = hub.Feed(recheck: TimeSpan.FromMilliseconds(200));
        await using var two = hub.Feed(recheck: TimeSpan.FromMilliseconds(200));
        string[] names = [.. Enumerable.Range(0, 4).Select(_ => hub.NewChannel())];
        var publishing = names.Select(async (name, index) =>
        {
            var random = new Random((seed * 100) + index);
            for (var id = 1; id <= Last;)
            {
                // A repetition now and then, as after a lost answer.
                var first = Math.Max(1, id - (random.Next(4) == 0 ? random.Next(5) : 0));
                var last = Math.Min(Last, id + random.Next(20));
                await hub.PublishAsync(name, [.. Enumerable.Range(first, last - first + 1)]);
                id = last + 1;
            }
        }).ToList();

        var reading = Enumerable.Range(0, 24).Select(async index =>
        {
            var random = new Random((seed * 1000) + index);
            string? from = null;
            var expected = 1;
            while (expected <= Last)
            {
                // Comes and goes, and resumes on either feed.
                await using var reader = ChannelReader.Of(random.Next(2) == 0 ? one : two, names[index % names.Length], from);
                for (var rest = random.Next(600); rest > 0 && expected <= Last; rest--)
                {
                    var frame = await reader.NextAsync();
                    if (frame.GetProperty("type").GetString() == "message")
                    {
                        Assert.Equal($"message {expected}", ChannelReader.Short(frame));
                        from = expected.ToString(CultureInfo.InvariantCulture);
                        expected++;
                    }
                    else
                    {
                        Assert.Equal($"live {from ?? "null"}", ChannelReader.Short(frame));
                    }

                    if (random.Next(20) == 0)
                    {
                        await Task.Yield();
                    }
                }
            }
        });
        await Task.WhenAll([.. publishing, .. reading]);
    }

    [Fact]
    public async Task Roles_and_policies_decide_who_reads_what()
    {
        var (member, stranger) = (await hub.CreateRoleAsync("member"), await hub.CreateRoleAsync("stranger"));
        await using var feed = hub.Feed(recheck: TimeSpan.FromMilliseconds(200));
        await hub.Database.ExecuteAsync($"GRANT SELECT ON sync.channel_messages TO {member}");
        Principal Of(string role, string tenant) => new("issuer", tenant, role, $$"""{"tenant":"{{tenant}}"}""", null);
        var (red, blue) = (hub.NewChannel() + " red", hub.NewChannel() + " blue");
        await hub.PublishAsync(red, 1);
        await hub.PublishAsync(blue, 2);

        await using var denied = ChannelReader.Of(feed, red, principal: () => Of(stranger, "red"));
        var refusal = await Assert.ThrowsAsync<SyncException>(denied.NextAsync);
        Assert.Equal(ErrorCode.PermissionDenied, refusal.Code);
        Assert.Contains($"GRANT SELECT ON sync.channel_messages TO \"{stranger}\"", refusal.Hint);
        Assert.Contains($"GRANT USAGE ON SCHEMA sync TO \"{stranger}\"", refusal.Hint);

        await using var open = ChannelReader.Of(feed, blue, principal: () => Of(member, "red"));
        await open.ExpectAsync("message 2", "live 2");
        await using var own = ChannelReader.Of(feed, blue, principal: () => Of(member, "blue"));
        await own.ExpectAsync("message 2", "live 2");
        open.Begin();

        await hub.Database.ExecuteAsync(
            """
            ALTER TABLE sync.channel_messages ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON sync.channel_messages USING (channel LIKE '%' || (current_setting('request.jwt.claims')::json ->> 'tenant'));
            """);
        try
        {
            await hub.PublishAsync(blue, 3, 4);
            await own.ExpectAsync("message 3", "message 4");
            await using var hidden = ChannelReader.Of(feed, blue, principal: () => Of(member, "red"));
            await hidden.ExpectAsync("live null");
            await using var seen = ChannelReader.Of(feed, red, principal: () => Of(member, "red"));
            await seen.ExpectAsync("message 1", "live 1");
            await hub.PublishAsync(blue, 5);
            await own.ExpectAsync("message 5");
            Assert.False(open.HasNext);
        }
        finally
        {
            await hub.Database.ExecuteAsync(
                "DROP POLICY own ON sync.channel_messages; ALTER TABLE sync.channel_messages DISABLE ROW LEVEL SECURITY");
        }

        await hub.PublishAsync(blue, 6);
        await own.ExpectAsync("message 6");
        await Eventually.TrueAsync(async () => await open.ShortAsync() == "message 6");
    }

    [Fact]
    public async Task Streams_that_may_see_the_same_share_one_reading()
    {
        var role = await hub.CreateRoleAsync("sharing");
        await hub.Database.ExecuteAsync($"GRANT SELECT ON sync.channel_messages TO {role}");
        await using var feed = hub.Feed();
        var readers = Enumerable.Range(0, 6)
            .Select(index => new Principal(null, $"{index}", role, $$"""{"sub":"{{index}}"}""", null))
            .Select(principal => ChannelReader.Of(feed, channel, principal: () => principal))
            .ToList();
        foreach (var reader in readers)
        {
            await reader.ExpectAsync("live null");
        }

        Assert.Equal((6, 1), (feed.StreamCount, feed.TailCount));
        await using var engine = ChannelReader.Of(feed, channel);
        await engine.ExpectAsync("live null");
        Assert.Equal((7, 2), (feed.StreamCount, feed.TailCount));
        await hub.PublishAsync(channel, 1);
        foreach (var reader in readers)
        {
            await reader.ExpectAsync("message 1");
            await reader.DisposeAsync();
        }

        Assert.Equal((1, 1), (feed.StreamCount, feed.TailCount));
    }

    [Fact]
    public async Task An_engine_whose_own_role_is_bound_by_policies_delivers_what_they_leave()
    {
        var role = await hub.CreateRoleAsync("bound");
        await hub.Database.ExecuteAsync(
            $"GRANT SELECT ON sync.channel_messages TO {role}; GRANT USAGE ON SCHEMA sync TO {role};"
            + " ALTER TABLE sync.channel_messages ENABLE ROW LEVEL SECURITY;"
            + " CREATE POLICY even ON sync.channel_messages USING (id % 2 = 0)");
        try
        {
            await using var feed = hub.Feed(hub.Database.As(role), recheck: TimeSpan.FromMilliseconds(100));
            await hub.PublishAsync(channel, 1, 2, 3);
            await using var reader = ChannelReader.Of(feed, channel);
            await reader.ExpectAsync("message 2", "live 2");
            await hub.PublishAsync(channel, 4, 5);
            await hub.PublishAsync(channel, 6);
            await reader.ExpectAsync("message 4", "message 6");
        }
        finally
        {
            await hub.Database.ExecuteAsync(
                "DROP POLICY even ON sync.channel_messages; ALTER TABLE sync.channel_messages DISABLE ROW LEVEL SECURITY");
        }
    }

    [Fact]
    public async Task A_revoked_privilege_ends_the_stream_within_five_seconds()
    {
        var role = await hub.CreateRoleAsync("revoked");
        await hub.Database.ExecuteAsync($"GRANT SELECT ON sync.channel_messages TO {role}");
        await using var feed = hub.Feed();
        await using var reader = ChannelReader.Of(feed, channel, principal: () => new Principal(null, "x", role, "{}", null));
        await reader.ExpectAsync("live null");
        reader.Begin();

        await hub.Database.ExecuteAsync($"REVOKE SELECT ON sync.channel_messages FROM {role}");
        var began = TimeProvider.System.GetTimestamp();

        Assert.Equal(ErrorCode.PermissionDenied, (await Assert.ThrowsAsync<SyncException>(reader.NextAsync)).Code);
        // 5 s are promised; the rest is for a loaded machine.
        Assert.InRange(TimeProvider.System.GetElapsedTime(began), TimeSpan.Zero, TimeSpan.FromSeconds(8));
    }

    [Fact]
    public async Task Streams_of_one_principal_are_counted()
    {
        await using var feed = hub.Feed(streams: 2);
        Principal Caller() => new("issuer", "caller", null, "{}", null);
        var first = ChannelReader.Of(feed, channel, principal: Caller);
        await first.ExpectAsync("live null");
        await using var second = ChannelReader.Of(feed, channel, principal: Caller);
        await second.ExpectAsync("live null");
        await using var third = ChannelReader.Of(feed, channel, principal: Caller);
        Assert.Equal(ErrorCode.TooManySubscriptions, (await Assert.ThrowsAsync<SyncException>(third.NextAsync)).Code);
        await first.DisposeAsync();
        await using var fourth = ChannelReader.Of(feed, channel, principal: Caller);
        await fourth.ExpectAsync("live null");
    }

    [Fact]
    public async Task A_database_without_the_table_says_so_and_is_not_listened_to()
    {
        await hub.Database.ExecuteAsync("ALTER TABLE sync.channel_messages RENAME TO elsewhere");
        try
        {
            await using var named = Named();
            await using var feed = hub.Feed(named);
            await using var reader = ChannelReader.Of(feed, channel);
            var refusal = await Assert.ThrowsAsync<SyncException>(reader.NextAsync);
            Assert.Equal(ErrorCode.UnknownRelation, refusal.Code);
            Assert.Contains("\"setup\"", refusal.Hint);
            Assert.Equal(
                1, await hub.Database.ScalarAsync<long>($"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{channel}'"));
        }
        finally
        {
            await hub.Database.ExecuteAsync("ALTER TABLE sync.elsewhere RENAME TO channel_messages");
        }
    }

    [Fact]
    public async Task Draining_ends_streams_wherever_they_are()
    {
        await using var feed = hub.Feed();
        await hub.PublishAsync(channel, 1);
        await using var waiting = ChannelReader.Of(feed, channel, "1");
        await waiting.ExpectAsync("live 1");
        waiting.Begin();
        await using var slow = ChannelReader.Of(feed, channel);
        await slow.ExpectAsync("message 1");

        await feed.DrainAsync();

        Assert.Equal(ErrorCode.ShuttingDown, (await Assert.ThrowsAsync<SyncException>(waiting.NextAsync)).Code);
        await slow.ExpectAsync("live 1");
        Assert.Equal(ErrorCode.ShuttingDown, (await Assert.ThrowsAsync<SyncException>(slow.NextAsync)).Code);
    }

    private Task ListeningAsync() => Eventually.TrueAsync(() => hub.Database.ScalarAsync<bool>(
        $"SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = '{channel}' AND query LIKE 'LISTEN%'"
            + " AND wait_event = 'ClientRead')"));

    /// <summary>Connections with an application name of their own.</summary>
    private NpgsqlDataSource Named() =>
        NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(hub.Database.ConnectionString) { ApplicationName = channel });
}
