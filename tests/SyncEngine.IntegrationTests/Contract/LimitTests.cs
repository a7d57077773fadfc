using System.Net;
using System.Net.Sockets;
using System.Text;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>The limits of docs/PROTOCOL.md, section 14, small enough to be reached.</summary>
public sealed class LimitTests(PostgresFixture postgres)
{
    [Fact]
    public async Task A_result_may_not_be_larger_than_its_bounds()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE TABLE t (id int4 PRIMARY KEY, note text); INSERT INTO t SELECT i, 'x' FROM generate_series(1, 90) i",
            "--SyncEngine:Limits:RowsPerResult=100",
            "--SyncEngine:Limits:BytesPerResult=10000");
        await using var growing = await engine.WatchAsync("SELECT id FROM t");
        await using var requeried = await engine.WatchAsync("SELECT id, count(*) FROM t GROUP BY id");
        await using var neighbour = await engine.WatchAsync("SELECT id FROM t WHERE id < 3");

        Assert.Equal("503 result_too_large", await OutcomeAsync(engine, "SELECT a.id FROM t a, t b"));
        Assert.Equal("503 result_too_large", await OutcomeAsync(engine, "SELECT id, repeat('x', 1000) AS long FROM t"));
        await engine.ExecuteAsync("INSERT INTO t SELECT i, 'x' FROM generate_series(91, 200) i");

        await growing.FrameAsync("error", code: "result_too_large");
        await requeried.FrameAsync("error", code: "result_too_large");
        await engine.ExecuteAsync("DELETE FROM t WHERE id = 1");
        await neighbour.RowsAsync("[2]");
    }

    [Fact]
    public async Task A_principal_has_a_bounded_number_of_subscriptions()
    {
        await using var engine = await Engine.StartAsync(
            postgres, "CREATE TABLE t (id int4 PRIMARY KEY)", $"--SyncEngine:Authentication:Secret={Token.Secret}");
        var role = await engine.CreateRoleAsync("reader");
        await engine.ExecuteAsync($"GRANT SELECT ON t TO {role}");
        var (greedy, modest) = (Token.Of(new { sub = "greedy", role }), Token.Of(new { sub = "modest", role }));
        // 1,000 is the default; the requests go side by side.
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 1010).Select(number => engine.PostQueryAsync("SELECT id FROM t WHERE id = $1", $"[{number % 50}]", greedy)));

        Assert.Equal(1000, answers.Count(answer => answer.Status == HttpStatusCode.Created));
        var refused = answers.Where(answer => answer.Status != HttpStatusCode.Created).ToList();
        Assert.All(refused, answer => Assert.Equal("429 too_many_subscriptions", answer.Outcome));
        Assert.All(refused, answer => Assert.NotNull(answer.Headers.RetryAfter));
        await using var other = await engine.WatchAsync("SELECT id FROM t", token: modest);
        var one = Engine.Read(answers.First(answer => answer.Status == HttpStatusCode.Created));
        Assert.Equal("204", (await engine.DeleteAsync("/subscribe/" + one.SubscriptionId, greedy)).Outcome);
        await using var watch = await engine.WatchAsync("SELECT id FROM t", token: greedy);
        await engine.ExecuteAsync("INSERT INTO t VALUES (7)");
        await watch.RowsAsync("[7]");
        await other.RowsAsync("[7]");
    }

    [Fact]
    public async Task Requests_of_a_minute_are_bounded()
    {
        await using var engine = await Engine.StartAsync(
            postgres, "CREATE TABLE t (id int4 PRIMARY KEY)", "--SyncEngine:Limits:RequestsPerMinute=20");
        await using var watch = await engine.WatchAsync("SELECT id FROM t");
        Answer answer;
        var requests = 0;
        do
        {
            answer = await engine.GetAsync("/schema");
            Assert.True(++requests < 40, "no bound");
        }
        while (answer.Status == HttpStatusCode.OK);

        Assert.Equal("429 rate_limited", answer.Outcome);
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value.TotalSeconds, 1, 60);
        Assert.Equal("429 rate_limited", (await engine.PostQueryAsync("SELECT id FROM t")).Outcome);
        Assert.Equal(HttpStatusCode.OK, (await engine.GetAsync("/health/live")).Status);
        await engine.ExecuteAsync("INSERT INTO t VALUES (1)");
        await watch.RowsAsync("[1]");
    }

    [Fact]
    public async Task A_query_that_takes_too_long_is_ended_and_its_neighbours_go_on()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE TABLE t (id int4 PRIMARY KEY); CREATE TABLE big (id int4 PRIMARY KEY); INSERT INTO big SELECT generate_series(1, 3000)",
            "--SyncEngine:Limits:StatementTimeout=00:00:01");
        await using var neighbour = await engine.WatchAsync("SELECT id FROM t");
        const string Endless = "SELECT count(*) FROM big a, big b, big c WHERE a.id + b.id + c.id < 0";

        var answers = await Task.WhenAll(Enumerable.Range(0, 6).Select(number => OutcomeAsync(engine, Endless + " - " + number)));
        Assert.All(answers, outcome => Assert.Equal("503 query_timeout", outcome));
        await engine.ExecuteAsync("INSERT INTO t VALUES (1)");
        await neighbour.RowsAsync("[1]");
        const string Running =
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND state = 'active' AND query LIKE '%big a%' AND pid <> pg_backend_pid()
            """;
        await Eventually.TrueAsync(async () => await engine.Database.ScalarAsync<long>(Running) == 0);
    }

    [Fact]
    public async Task A_client_that_stops_reading_is_cut_off_and_the_others_are_not_kept_waiting()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE TABLE t (id int4 PRIMARY KEY, note text)",
            "--SyncEngine:Delivery:MaxQueuedBytes=1048576",
            "--SyncEngine:Delivery:StallTimeout=00:00:03");
        var subscription = await engine.SubscribeAsync("SELECT id, note FROM t");
        await using var reading = await engine.WatchAsync("SELECT id, note FROM t");
        using var events = await RawClient.ConnectAsync(engine.Address);
        await events.SendAsync($"GET /subscribe/{subscription.SubscriptionId}/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
        using var hub = await RawClient.ConnectAsync(engine.Address);
        await hub.UpgradeAsync("/sync");
        await hub.SendTextFrameAsync("{\"protocol\":\"json\",\"version\":1}\u001e");
        await hub.SendTextFrameAsync($$"""{"type":4,"invocationId":"1","target":"Stream","arguments":["{{subscription.SubscriptionId}}",null]}""" + "\u001e");
        using var socket = await RawClient.ConnectAsync(engine.Address);
        await socket.UpgradeAsync("/subscribe");
        await socket.SendTextFrameAsync("""{"query": "SELECT id, note FROM t"}""");
        await Eventually.TrueAsync(async () => await StreamsAsync(engine) == 4);

        // Twelve megabytes, in transactions that a queue can hold: far more than sockets and queues hold together.
        for (var round = 0; round < 60; round++)
        {
            await reading.PassAsync(await engine.CommitAsync(
                $"INSERT INTO t SELECT i + {round * 200}, repeat(md5(i::text), 32) FROM generate_series(1, 200) i"));
        }

        Assert.Equal(12_000, reading.Result.Count);
        await Eventually.TrueAsync(async () => await StreamsAsync(engine) == 1);
        Assert.Empty(reading.OfType("reset"));
        await engine.ExecuteAsync("DELETE FROM t");
        await reading.RowsAsync();
    }

    private static async Task<double> StreamsAsync(Engine engine)
    {
        var metrics = (await engine.GetAsync("/metrics")).Text;
        return double.Parse(metrics.Split('\n').First(line => line.StartsWith("sync_streams ", StringComparison.Ordinal)).Split(' ')[1]);
    }

    /// <summary>The outcome of a query: at once or, when it is accepted, on its stream.</summary>
    private static async Task<string> OutcomeAsync(Engine engine, string query)
    {
        var answer = await engine.PostQueryAsync(query);
        if (answer.Status != HttpStatusCode.Created)
        {
            return answer.Outcome;
        }

        await using var watch = await engine.StreamAsync(Engine.Read(answer));
        await watch.UntilAsync(() => watch.Result.Code is not null, "a refusal", mayEnd: true);
        // The engine tries again while the subscription exists.
        await engine.DeleteAsync("/subscribe/" + watch.Subscription.SubscriptionId);
        return $"503 {watch.Result.Code}";
    }
}

/// <summary>A client that speaks bytes: for what no proper one sends, and for not reading.</summary>
sealed class RawClient : IDisposable
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(60);

    private readonly Socket socket = new(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096, NoDelay = true };
    private readonly CancellationTokenSource deadline = new(timeout, TimeProvider.System);

    public static async Task<RawClient> ConnectAsync(Uri server)
    {
        var client = new RawClient();
        await client.socket.ConnectAsync(server.Host, server.Port, client.deadline.Token);
        return client;
    }

    public Task SendAsync(string text) => SendAsync(Encoding.UTF8.GetBytes(text));

    public async Task SendAsync(byte[] bytes)
    {
        for (var sent = 0; sent < bytes.Length;)
        {
            sent += await socket.SendAsync(bytes.AsMemory(sent), deadline.Token);
        }
    }

    public async Task UpgradeAsync(string path)
    {
        await SendAsync(
            $"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
        var answer = new StringBuilder();
        while (!answer.ToString().EndsWith("\r\n\r\n", StringComparison.Ordinal))
        {
            answer.Append(Encoding.ASCII.GetString(await ReadAsync(1)));
        }

        Assert.StartsWith("HTTP/1.1 101", answer.ToString(), StringComparison.Ordinal);
    }

    public Task SendTextFrameAsync(string text) => SendFrameAsync(0x81, Encoding.UTF8.GetBytes(text));

    /// <summary>A masked frame, as clients send them; the mask is zero.</summary>
    public async Task SendFrameAsync(byte first, byte[] payload)
    {
        byte[] length = payload.Length < 126
            ? [(byte)(0x80 | payload.Length)]
            : payload.Length < 65536
                ? [0xFE, (byte)(payload.Length >> 8), (byte)payload.Length]
                : [0xFF, 0, 0, 0, 0, (byte)(payload.Length >> 24), (byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length];
        await SendAsync([first, .. length, 0, 0, 0, 0, .. payload]);
    }

    public async Task<byte[]> ReadAsync(int most)
    {
        var bytes = new byte[most];
        return bytes[..await socket.ReceiveAsync(bytes, deadline.Token)];
    }

    /// <summary>Everything until the server closes or cuts the line.</summary>
    public async Task<string> ReadToEndAsync()
    {
        var text = new StringBuilder();
        try
        {
            while (await ReadAsync(4096) is { Length: > 0 } bytes)
            {
                text.Append(Encoding.Latin1.GetString(bytes));
            }
        }
        catch (SocketException)
        {
            // Cut.
        }

        return text.ToString();
    }

    public void Dispose()
    {
        socket.Dispose();
        deadline.Dispose();
    }
}
