using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Targets;
using SyncEngine.IntegrationTests.Client;
using SyncEngine.IntegrationTests.Contract;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

/// <summary>A server with tokens over a database with the table of channels.</summary>
public sealed class ChannelEngine(PostgresFixture postgres) : IAsyncLifetime
{
    private int channels;

    public Engine Engine { get; private set; } = null!;

    public HubTarget Target { get; private set; } = null!;

    /// <summary>May read every channel.</summary>
    public string Member { get; private set; } = "";

    /// <summary>May read none.</summary>
    public string Stranger { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Engine = await Engine.StartAsync(
            postgres, HubDatabase.Sql, $"--SyncEngine:Authentication:Secret={Token.Secret}",
            "--SyncEngine:Limits:SubscriptionsPerPrincipal=20");
        Target = new HubTarget(HubDatabase.Over(Engine.Database.DataSource), TimeProvider.System);
        Member = await Engine.CreateRoleAsync("reader");
        Stranger = await Engine.CreateRoleAsync("stranger");
        await Engine.ExecuteAsync($"GRANT SELECT ON sync.channel_messages TO {Member}");
    }

    public string NewChannel() => $"rooms/{Interlocked.Increment(ref channels)} %2F?é";

    public async Task PublishAsync(string channel, params int[] ids) =>
        Assert.Equal(
            new PublishResult(ids.Length),
            await Target.PublishAsync([.. ids.Select(id => HubDatabase.Message(channel, id))], CancellationToken.None));

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync();
        await Engine.ExecuteAsync($"DROP OWNED BY {Member}, {Stranger}");
        await Engine.DisposeAsync();
    }
}

public sealed class ChannelContractTests(ChannelEngine shared) : IClassFixture<ChannelEngine>
{
    private readonly Engine engine = shared.Engine;
    private readonly string channel = shared.NewChannel();

    private string Of(string role, string subject = "1", TimeSpan? time = null) =>
        Token.Of(new { sub = subject, role, exp = Token.In(time ?? TimeSpan.FromHours(1)) });

    private async Task<ChannelReader> OpenAsync(string? name, string? from = null, string? token = null, Uri? server = null)
    {
        var connection = await SyncHubClient.ConnectAsync(server ?? engine.Address, token ?? Of(shared.Member));
        return new ChannelReader(connection.ChannelAsync(name, from), connection);
    }

    [Fact]
    public async Task The_hub_streams_a_channel()
    {
        await shared.PublishAsync(channel, 1, 2);
        await using var reader = await OpenAsync(channel);
        var first = await reader.NextAsync();
        Assert.Equal(channel, first.GetProperty("channel").GetString());
        Assert.Equal("{\"a\": 1}", first.GetProperty("message").GetProperty("data").GetString());
        await reader.ExpectAsync("message 2", "live 2");
        await shared.PublishAsync(channel, 3);
        await reader.ExpectAsync("message 3");
        await using var resumed = await OpenAsync(channel, "2");
        await resumed.ExpectAsync("message 3", "live 3");
        await using var lost = await OpenAsync(channel, "nonsense");
        await lost.ExpectAsync("reset must_refetch", "message 1", "message 2", "message 3", "live 3");
    }

    [Fact]
    public async Task One_connection_holds_many_channels()
    {
        await using var connection = await SyncHubClient.ConnectAsync(engine.Address, Of(shared.Member, "many"));
        var names = Enumerable.Range(0, 12).Select(_ => shared.NewChannel()).ToList();
        var readers = names.Select(name => new ChannelReader(connection.ChannelAsync(name))).ToList();
        foreach (var reader in readers)
        {
            await reader.ExpectAsync("live null");
        }

        await Task.WhenAll(names.Select(name => shared.PublishAsync(name, 1, 2)));
        foreach (var reader in readers)
        {
            await reader.ExpectAsync("message 1", "message 2");
            await reader.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_message_stored_by_one_server_reaches_the_clients_of_another()
    {
        await using var other = await SyncServer.StartAsync(engine.Database, $"--SyncEngine:Authentication:Secret={Token.Secret}");
        await using var here = await OpenAsync(channel);
        await using var there = await OpenAsync(channel, server: other.Address);
        await here.ExpectAsync("live null");
        await there.ExpectAsync("live null");
        await shared.PublishAsync(channel, 4, 5);
        await here.ExpectAsync("message 4", "message 5");
        await there.ExpectAsync("message 4", "message 5");
    }

    [Fact]
    public async Task The_last_frame_of_a_refused_stream_says_what_to_grant()
    {
        await using var reader = await OpenAsync(channel, token: Of(shared.Stranger));

        var error = await reader.NextAsync();

        Assert.Equal("error permission_denied", ChannelReader.Short(error));
        Assert.Contains($"GRANT SELECT ON sync.channel_messages TO \"{shared.Stranger}\"", error.GetProperty("hint").GetString());
        Assert.Null(await reader.NextOrEndAsync());
    }

    [Fact]
    public async Task A_stream_ends_with_its_token_unless_a_newer_one_comes()
    {
        await using var connection = await SyncHubClient.ConnectAsync(
            engine.Address, Of(shared.Member, "renewing", TimeSpan.FromSeconds(3)));
        await using var renewed = new ChannelReader(connection.ChannelAsync(channel));
        await renewed.ExpectAsync("live null");
        await using var left = await OpenAsync(channel, token: Of(shared.Member, "leaving", TimeSpan.FromSeconds(2)));
        await left.ExpectAsync("live null");
        await connection.AuthenticateAsync(Of(shared.Member, "renewing", TimeSpan.FromHours(1)));

        await left.ExpectAsync("error token_expired");
        Assert.Null(await left.NextOrEndAsync());
        // Longer than the first token of the other one lasted.
        await using var later = await OpenAsync(channel, token: Of(shared.Member, "leaving", TimeSpan.FromSeconds(3)));
        await later.ExpectAsync("live null", "error token_expired");
        await shared.PublishAsync(channel, 1);
        await renewed.ExpectAsync("message 1");
    }

    [Fact]
    public async Task Calls_that_make_no_sense_are_refused()
    {
        foreach (var name in (string?[])["", null, new string('x', 1_025), "a\0b"])
        {
            await using var reader = await OpenAsync(name);
            Assert.Contains("invalid_request: ", (await Assert.ThrowsAsync<HubException>(reader.NextAsync)).Message);
        }

        await using var longest = await OpenAsync(new string('é', 1_024));
        await longest.ExpectAsync("live null");
        await using var odd = await OpenAsync("'; DROP TABLE sync.channel_messages; --\\ \n\u202e");
        await odd.ExpectAsync("live null");
    }

    [Fact]
    public async Task Streams_beyond_the_limit_are_refused()
    {
        var token = Of(shared.Member, "greedy");
        await using var connection = await SyncHubClient.ConnectAsync(engine.Address, token);
        var readers = Enumerable.Range(0, 20).Select(_ => new ChannelReader(connection.ChannelAsync(channel))).ToList();
        foreach (var reader in readers)
        {
            await reader.ExpectAsync("live null");
        }

        await using var oneMore = await OpenAsync(channel, token: token);
        Assert.Contains("too_many_subscriptions: ", (await Assert.ThrowsAsync<HubException>(oneMore.NextAsync)).Message);
        foreach (var reader in readers)
        {
            await reader.DisposeAsync();
        }
    }

    [Fact]
    public async Task Events_carry_the_same_frames_and_resume_by_Last_Event_ID()
    {
        await shared.PublishAsync(channel, 1, 2);
        await using (var events = await Events.OpenAsync(engine.Address, channel, Of(shared.Member)))
        {
            Assert.Equal(("message", "1"), await events.NextAsync());
            Assert.Equal(("message", "2"), await events.NextAsync());
            Assert.Equal(("live", "2"), await events.NextAsync());
            await shared.PublishAsync(channel, 3);
            Assert.Equal(("message", "3"), await events.NextAsync());
        }

        await using var resumed = await Events.OpenAsync(engine.Address, channel, Of(shared.Member), "2");
        Assert.Equal(("message", "3"), await resumed.NextAsync());
        Assert.Equal(("live", "3"), await resumed.NextAsync());
        await using var lost = await Events.OpenAsync(engine.Address, channel, Of(shared.Member), "77");
        Assert.Equal(("reset", ""), await lost.NextAsync());
        Assert.Equal(("message", "1"), await lost.NextAsync());
        await using var empty = await Events.OpenAsync(engine.Address, shared.NewChannel(), Of(shared.Member));
        Assert.Equal(("live", null), await empty.NextAsync());
        await using var brief = await Events.OpenAsync(engine.Address, channel, Of(shared.Member, "brief", TimeSpan.FromSeconds(2)), "3");
        Assert.Equal(("live", "3"), await brief.NextAsync());
        Assert.Equal(("error", null), await brief.NextAsync());
        Assert.Null(await brief.NextAsync());
    }

    [Fact]
    public async Task Refused_events_are_problem_details()
    {
        var path = $"/channels/{Uri.EscapeDataString(channel)}/events";
        Assert.Equal("401 unauthenticated", (await engine.GetAsync(path)).Outcome);
        var denied = await engine.GetAsync(path, Of(shared.Stranger));
        Assert.Equal("403 permission_denied", denied.Outcome);
        Assert.Contains("GRANT SELECT ON sync.channel_messages", denied.Json.GetProperty("hint").GetString());
        Assert.Equal(
            "400 invalid_request", (await engine.GetAsync($"/channels/{new string('x', 1_025)}/events", Of(shared.Member))).Outcome);
        Assert.Equal(HttpStatusCode.BadRequest, (await engine.GetAsync("/channels/a%00b/events", Of(shared.Member))).Status);
    }

    [Fact]
    public async Task A_client_that_does_not_read_grows_no_buffer_and_reads_the_rest_later()
    {
        // Far beyond what sockets and pipes of both sides take.
        const int Count = 400;
        var data = JsonSerializer.Serialize(new string('x', 60_000));
        await using var slow = await Events.OpenAsync(engine.Address, channel, Of(shared.Member, "slow"));
        Assert.Equal(("live", null), await slow.NextAsync());
        await using var quick = await OpenAsync(channel);
        await quick.ExpectAsync("live null");
        var before = GC.GetTotalMemory(forceFullCollection: true);
        for (var id = 1; id <= Count; id++)
        {
            Assert.Equal(
                new PublishResult(1), await shared.Target.PublishAsync([HubDatabase.Message(channel, id, data)], CancellationToken.None));
            await quick.ExpectAsync($"message {id}");
        }

        // 24 MB were published.
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, long.MinValue, 15_000_000);
        for (var id = 1; id <= Count; id++)
        {
            Assert.Equal(("message", id.ToString(System.Globalization.CultureInfo.InvariantCulture)), await slow.NextAsync());
        }
    }

    [Fact]
    public async Task A_server_that_stops_says_so()
    {
        var other = await SyncServer.StartAsync(engine.Database, $"--SyncEngine:Authentication:Secret={Token.Secret}");
        await using var reader = await OpenAsync(channel, server: other.Address);
        await reader.ExpectAsync("live null");
        reader.Begin();

        await other.DisposeAsync();

        await reader.ExpectAsync("error shutting_down");
    }

    [Fact]
    public async Task Without_authentication_the_engines_own_role_reads()
    {
        await using var open = await SyncServer.StartAsync(engine.Database);
        await shared.PublishAsync(channel, 1);
        var connection = await SyncHubClient.ConnectAsync(open.Address);
        await using var reader = new ChannelReader(connection.ChannelAsync(channel), connection);
        await reader.ExpectAsync("message 1", "live 1");
    }

    /// <summary>Server-Sent Events of a channel: name and id of each.</summary>
    private sealed class Events : IAsyncDisposable
    {
        private static readonly TimeSpan timeout = TimeSpan.FromSeconds(20);

        private readonly HttpClient http;
        private readonly HttpResponseMessage response;
        private readonly StreamReader lines;

        private Events(HttpClient http, HttpResponseMessage response, Stream body)
        {
            (this.http, this.response) = (http, response);
            lines = new StreamReader(body);
        }

        public static async Task<Events> OpenAsync(Uri server, string channel, string token, string? from = null)
        {
            var http = new HttpClient { BaseAddress = server };
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
            if (from is not null)
            {
                http.DefaultRequestHeaders.Add("Last-Event-ID", from);
            }

            var response = await http.GetAsync(
                $"/channels/{Uri.EscapeDataString(channel)}/events", HttpCompletionOption.ResponseHeadersRead);
            Assert.Equal(HttpStatusCode.OK, response.StatusCode);
            return new Events(http, response, await response.Content.ReadAsStreamAsync());
        }

        public async Task<(string Name, string? Id)?> NextAsync()
        {
            string? name = null, id = null;
            while (await lines.ReadLineAsync().WaitAsync(timeout, TimeProvider.System) is { } line)
            {
                if (line.StartsWith("event: ", StringComparison.Ordinal))
                {
                    name = line[7..];
                }
                else if (line.StartsWith("id: ", StringComparison.Ordinal))
                {
                    id = line[4..];
                }
                else if (line.StartsWith("data: ", StringComparison.Ordinal))
                {
                    Assert.Equal(name, JsonElement.Parse(line[6..]).GetProperty("type").GetString());
                }
                else if (line.Length == 0 && name is not null)
                {
                    return (name, id);
                }
            }

            return null;
        }

        public ValueTask DisposeAsync()
        {
            lines.Dispose();
            response.Dispose();
            http.Dispose();
            return ValueTask.CompletedTask;
        }
    }
}
