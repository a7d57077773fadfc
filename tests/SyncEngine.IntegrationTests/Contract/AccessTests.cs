using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>A server with tokens, two tenants and what each may see.</summary>
public sealed class AccessEngine(PostgresFixture postgres) : IAsyncLifetime
{
    public Engine Engine { get; private set; } = null!;

    /// <summary>May read what the policies leave.</summary>
    public string Member { get; private set; } = "";

    /// <summary>May read two columns.</summary>
    public string Clerk { get; private set; } = "";

    public string Super { get; private set; } = "";

    public async ValueTask InitializeAsync()
    {
        Engine = await Engine.StartAsync(
            postgres,
            """
            CREATE TABLE notes (id int4 PRIMARY KEY, tenant text NOT NULL, body text);
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON notes USING (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
            CREATE TABLE salaries (id int4 PRIMARY KEY, name text, amount int4);
            INSERT INTO salaries VALUES (1, 'ann', 4711);
            CREATE TABLE revocable (id int4 PRIMARY KEY);
            CREATE TABLE loosened (id int4 PRIMARY KEY, tenant text);
            ALTER TABLE loosened ENABLE ROW LEVEL SECURITY;
            CREATE TABLE secret (id int4 PRIMARY KEY);
            CREATE FUNCTION secret_count() RETURNS bigint STABLE SECURITY DEFINER LANGUAGE sql AS 'SELECT count(*) FROM secret';
            """,
            $"--SyncEngine:Authentication:Secret={Token.Secret}");
        Member = await Engine.CreateRoleAsync("member");
        Clerk = await Engine.CreateRoleAsync("clerk");
        Super = await Engine.CreateRoleAsync("super", "SUPERUSER NOLOGIN");
        await Engine.ExecuteAsync($"GRANT SELECT ON notes, revocable, loosened TO {Member}");
        await Engine.ExecuteAsync($"GRANT SELECT (id, name) ON salaries TO {Clerk}");
    }

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}

public sealed class AccessTests(AccessEngine shared) : IClassFixture<AccessEngine>
{
    private readonly Engine engine = shared.Engine;

    private string Tenant(string name, string subject = "1", int hours = 1) =>
        Token.Of(new { sub = $"{name}-{subject}", role = shared.Member, tenant = name, exp = Token.In(TimeSpan.FromHours(hours)) });

    [Fact]
    public async Task Policies_divide_two_tenants_over_the_same_query()
    {
        var (red, blue) = (Tenant("red"), Tenant("blue"));
        await engine.ExecuteAsync("INSERT INTO notes VALUES (1, 'red', 'red canary'), (2, 'blue', 'blue canary')");
        const string Query = "SELECT id, body FROM notes WHERE id < 100";
        await using var ofRed = await engine.WatchAsync(Query, token: red);
        await using var ofBlue = await engine.WatchAsync(Query, token: blue);
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/subscribe", blue);
        await socket.SendAsync($$"""{"query": "{{Query}}"}""");
        await ofRed.RowsAsync("""[1,"red canary"]""");
        await ofBlue.RowsAsync("""[2,"blue canary"]""");
        Assert.Contains("blue canary", await socket.ReceiveTextAsync());

        // A row that moves is removed from one and added to the other; many more come and go.
        await engine.ExecuteAsync("UPDATE notes SET tenant = 'blue', body = 'now the blue canary' WHERE id = 1");
        await ofRed.RowsAsync();
        await ofBlue.RowsAsync("""[1,"now the blue canary"]""", """[2,"blue canary"]""");
        for (var id = 10; id < 20; id++)
        {
            await engine.ExecuteAsync(
                $"INSERT INTO notes VALUES ({id}, 'red', 'red canary {id}'); UPDATE notes SET body = body || '!' WHERE tenant = 'blue'");
        }

        await ofRed.UntilAsync(() => ofRed.Result.Count == 10, "ten rows");
        await ofBlue.RowsAsync("""[1,"now the blue canary!!!!!!!!!!"]""", """[2,"blue canary!!!!!!!!!!"]""");
        Assert.DoesNotContain(ofRed.Frames, frame => frame.GetRawText().Contains("blue", StringComparison.Ordinal));
        Assert.DoesNotContain(ofBlue.Frames, frame => frame.GetRawText().Contains("red canary", StringComparison.Ordinal));
        await engine.ExecuteAsync("DELETE FROM notes WHERE id < 100");
        string? answer;
        do
        {
            answer = await socket.ReceiveTextAsync();
            Assert.DoesNotContain("red canary", answer);
        }
        while (!answer!.Contains("\"rows\":[]", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Column_privileges_decide()
    {
        var clerk = Token.Of(new { sub = "c", role = shared.Clerk });
        await using var allowed = await engine.WatchAsync("SELECT id, name FROM salaries", token: clerk);
        await allowed.RowsAsync("""[1,"ann"]""");

        foreach (var query in (string[])
            [
                "SELECT id, amount FROM salaries",
                "SELECT * FROM salaries",
                "SELECT id FROM salaries WHERE amount > 4000",
                "SELECT id FROM salaries ORDER BY amount",
                "SELECT s FROM salaries s",
                "SELECT to_json(s) FROM salaries s",
                "SELECT id FROM notes",
                "SELECT id, secret_count() FROM salaries WHERE id IN (SELECT id FROM secret)",
            ])
        {
            var answer = await engine.PostQueryAsync(query, token: clerk);
            Assert.True(answer.Outcome == "403 permission_denied", $"{query}: {answer.Outcome}");
            Assert.DoesNotContain("4711", answer.Text);
        }

        await engine.ExecuteAsync("UPDATE salaries SET amount = 4712");
        await engine.ExecuteAsync("UPDATE salaries SET name = 'anna'");
        await allowed.RowsAsync("""[1,"anna"]""");
        Assert.DoesNotContain(allowed.Frames, frame => frame.GetRawText().Contains("471", StringComparison.Ordinal));
        Assert.Single(allowed.OfType("diff"));
    }

    [Fact]
    public async Task The_schema_shows_what_may_be_read()
    {
        var schema = (await engine.GetAsync("/schema", Token.Of(new { sub = "c", role = shared.Clerk }))).Json;
        var relation = schema.GetProperty("relations").EnumerateArray().Single(relation => relation.GetProperty("schema").GetString() == "public");
        Assert.Equal("salaries", relation.GetProperty("name").GetString());
        Assert.Equal(["id", "name"], relation.GetProperty("columns").EnumerateArray().Select(column => column.GetProperty("name").GetString()));
    }

    [Fact]
    public async Task A_subscription_belongs_to_its_principal()
    {
        var (mine, refreshed, other) = (Tenant("red", "7"), Tenant("red", "7", hours: 2), Tenant("red", "8"));
        var subscription = await engine.SubscribeAsync("SELECT id FROM revocable", token: mine);
        var id = subscription.SubscriptionId;

        Assert.Equal("404 unknown_subscription", (await engine.GetAsync($"/subscribe/{id}/events", other)).Outcome);
        Assert.Equal("404 unknown_subscription", (await engine.DeleteAsync($"/subscribe/{id}", other)).Outcome);
        await using var foreign = await engine.OpenAsync(other);
        await foreign.FrameAsync("cut");
        Assert.Contains("unknown_subscription: ", (await Assert.ThrowsAsync<HubException>(() => foreign.Hub!.AttachAsync(id))).Message);
        var streamed = await Assert.ThrowsAsync<HubException>(async () => await foreign.Hub!.StreamAsync(id).GetAsyncEnumerator().MoveNextAsync());
        Assert.Contains("unknown_subscription: ", streamed.Message);
        Assert.Equal("401 unauthenticated", (await engine.DeleteAsync($"/subscribe/{id}")).Outcome);

        await using var watch = await engine.StreamAsync(subscription, token: refreshed);
        await watch.LiveAsync();
        Assert.Equal("204", (await engine.DeleteAsync($"/subscribe/{id}", refreshed)).Outcome);
    }

    [Fact]
    public async Task An_expired_token_ends_the_subscription()
    {
        // Frame and stream, for both ways of streaming.
        var token = Token.Of(new { sub = "short", role = shared.Member, tenant = "red", exp = Token.In(TimeSpan.FromSeconds(6)) });
        await using var watch = await engine.WatchAsync("SELECT id FROM notes WHERE id > 1000", token: token);
        await using var open = await engine.OpenAsync(token);
        var attached = await open.AttachAsync(await engine.SubscribeAsync("SELECT id FROM notes WHERE id > 2000", token: token));

        await watch.FrameAsync("error", code: "token_expired");
        await open.FrameAsync("error", code: "token_expired");
        Assert.Equal("401 token_expired", (await engine.PostQueryAsync("SELECT id FROM notes", token: token)).Outcome);
        Assert.Equal("token_expired", attached.Code);
    }

    [Fact]
    public async Task A_newer_token_keeps_the_open_stream()
    {
        object Claims(string tenant, TimeSpan time) => new { sub = "renewing", role = shared.Member, tenant, exp = Token.In(time) };
        await engine.ExecuteAsync("INSERT INTO notes VALUES (3001, 'red', 'r'), (3002, 'blue', 'b')");
        var token = Token.Of(Claims("red", TimeSpan.FromSeconds(8)));
        await using var open = await engine.OpenAsync(token);
        var result = await open.AttachAsync(await engine.SubscribeAsync("SELECT id FROM notes WHERE id > 3000 AND id < 4000", token: token));
        await open.UntilAsync(() => result.Stage == Client.ResultStage.Live, "live");
        Assert.Equal(["[3001]"], result.Rows);

        await open.Hub!.AuthenticateAsync(Token.Of(Claims("blue", TimeSpan.FromHours(1))));

        // The policy reads the claim: what it shows now comes as a new snapshot.
        await open.UntilAsync(() => result.Stage == Client.ResultStage.Live && result.Rows.SequenceEqual(["[3002]"]), "the other tenant's row");
        await Assert.ThrowsAsync<HubException>(() => open.Hub!.AuthenticateAsync(Tenant("red", "another subject")));
        await Assert.ThrowsAsync<HubException>(() => open.Hub!.AuthenticateAsync("rubbish"));
        await engine.ExecuteAsync("INSERT INTO notes VALUES (3003, 'blue', 'b')");
        await open.UntilAsync(() => result.Rows.Length == 2, "both rows");
    }

    [Theory]
    [InlineData("REVOKE SELECT ON revocable FROM {0}", "GRANT SELECT ON revocable TO {0}")]
    [InlineData("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO PUBLIC")]
    public async Task A_revoked_privilege_ends_the_subscription(string revoke, string grant)
    {
        await using var watch = await engine.WatchAsync("SELECT id FROM revocable", token: Tenant("red"));
        var began = TimeProvider.System.GetTimestamp();
        await engine.ExecuteAsync(string.Format(revoke, shared.Member));
        try
        {
            var error = await watch.FrameAsync("error");
            // Without USAGE the schema is not on the role's search path: to PostgreSQL, there is no such relation.
            Assert.Contains(error.GetProperty("code").GetString(), (string[])["permission_denied", "permissions_changed", "unknown_relation"]);
            // The contract says 5 s; the rest is for a loaded machine.
            Assert.True(TimeProvider.System.GetElapsedTime(began) < TimeSpan.FromSeconds(15));
        }
        finally
        {
            await engine.ExecuteAsync(string.Format(grant, shared.Member));
        }
    }

    [Fact]
    public async Task A_changed_policy_changes_what_is_seen()
    {
        await engine.ExecuteAsync("INSERT INTO loosened VALUES (1, 'red'), (2, 'blue')");
        await using var watch = await engine.WatchAsync("SELECT id FROM loosened", token: Tenant("red"));
        await watch.RowsAsync();

        await engine.ExecuteAsync("CREATE POLICY own ON loosened USING (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant')");
        await using var again = await AgainAsync(watch, ["[1]"]);
        await engine.ExecuteAsync("ALTER POLICY own ON loosened USING (true)");
        await using var wider = await AgainAsync(again, ["[1]", "[2]"]);
        await engine.ExecuteAsync("DROP POLICY own ON loosened");
        await using var none = await AgainAsync(wider, []);
    }

    /// <summary>A changed rule snapshots again or ends the subscription; a client whose subscription ended subscribes again.</summary>
    private async Task<Watch> AgainAsync(Watch watch, string[] rows)
    {
        await watch.UntilAsync(() => watch.HasEnded || watch.Result.Rows.SequenceEqual(rows), "the rule's effect", mayEnd: true);
        if (watch.HasEnded)
        {
            Assert.Equal("permissions_changed", watch.Result.Code);
        }

        var next = await engine.WatchAsync("SELECT id FROM loosened", token: Tenant("red"));
        await next.RowsAsync(rows);
        return next;
    }

    [Fact]
    public async Task Roles_that_may_not_be_taken_are_refused()
    {
        object[] claims =
        [
            new { sub = "x", role = "no_such_role" },
            new { sub = "x", role = shared.Super },
            new { sub = "x" },
            new { sub = "x", role = new[] { shared.Member } },
            new { sub = "x", role = $"{shared.Member}; RESET ROLE" },
        ];
        foreach (var refused in claims)
        {
            Assert.Equal("403 permission_denied", (await engine.GetAsync("/schema", Token.Of(refused))).Outcome);
        }
    }

    [Fact]
    public async Task A_token_may_come_in_the_address_of_a_socket()
    {
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/subscribe?access_token=" + Tenant("red"));
        await socket.SendAsync("""{"query": "SELECT id FROM notes WHERE id = -1"}""");
        Assert.Equal("[]", (await socket.ReceiveAsync()).GetProperty("rows").GetRawText());
        Assert.Equal(HttpStatusCode.OK, (await engine.GetAsync("/schema?access_token=" + Tenant("red"))).Status);
    }

    public static TheoryData<string, string> BadTokens()
    {
        var claims = JsonSerializer.Serialize(new { sub = "x", role = "anyone" });
        var secret = System.Text.Encoding.UTF8.GetBytes(Token.Secret);
        const string Header = """{"alg":"HS256","typ":"JWT"}""";
        var good = Token.Signed(Header, claims, secret);
        var parts = good.Split('.');
        return new TheoryData<string, string>
        {
            { "alg none", $"{Token.Encode("""{"alg":"none"}"""u8.ToArray())}.{parts[1]}." },
            { "alg None", $"{Token.Encode("""{"alg":"nOnE"}"""u8.ToArray())}.{parts[1]}." },
            { "no signature", $"{parts[0]}.{parts[1]}." },
            { "two parts", $"{parts[0]}.{parts[1]}" },
            { "four parts", good + ".x" },
            { "five parts", good + ".x.y" },
            { "another key", Token.Signed(Header, claims, "another secret, which is long enough as well"u8.ToArray()) },
            { "empty key", Token.Signed(Header, claims, []) },
            { "HS512 of the same key", Token.Signed("""{"alg":"HS512"}""", claims, secret) },
            { "RS256 in name", Token.Signed("""{"alg":"RS256"}""", claims, secret) },
            { "no alg", Token.Signed("""{"typ":"JWT"}""", claims, secret) },
            { "a critical header", Token.Signed("""{"alg":"HS256","crit":["x"],"x":1}""", claims, secret) },
            { "a key of its own", Token.Signed("""{"alg":"HS256","jwk":{"kty":"oct","k":"AA"}}""", claims, [0]) },
            { "changed claims", $"{parts[0]}.{Token.Encode("""{"sub":"y","role":"anyone"}"""u8.ToArray())}.{parts[2]}" },
            { "bad base64", good[..^4] + "!!!!" },
            { "padding", good + "==" },
            { "claims not JSON", Token.Signed(Header, "not json", secret) },
            { "claims an array", Token.Signed(Header, "[]", secret) },
            { "claims repeated", Token.Signed(Header, """{"role":"a","role":"b"}""", secret) },
            { "header not JSON", Token.Signed("HS256", claims, secret) },
            { "exp a text", Token.Signed(Header, """{"role":"a","exp":"tomorrow"}""", secret) },
            { "nbf tomorrow", Token.Signed(Header, $$"""{"role":"a","nbf":{{Token.In(TimeSpan.FromDays(1))}}}""", secret) },
            { "empty", "" },
            { "dots", ".." },
            { "a word", "Bearer" },
            { "very long", new string('a', 15_000) + "." + parts[1] + "." + parts[2] },
        };
    }

    [Theory]
    [MemberData(nameof(BadTokens), DisableDiscoveryEnumeration = true)]
    public async Task A_bad_token_is_unauthenticated(string kind, string token)
    {
        var answer = await engine.GetAsync("/schema", token);
        Assert.True(answer.Outcome == "401 unauthenticated", $"{kind}: {answer.Outcome}");
        Assert.Contains("Bearer", answer.Headers.WwwAuthenticate.ToString());
        if (token.Length < 8_000)
        {
            // The server takes no longer addresses.
            Assert.Equal("401 unauthenticated", (await engine.GetAsync("/schema?access_token=" + Uri.EscapeDataString(token))).Outcome);
        }

        Assert.Equal("401 unauthenticated", (await engine.SendAsync(HttpMethod.Get, "/sync", null, token)).Outcome);
    }

    [Fact]
    public async Task Expired_none_and_enormous_tokens_have_their_own_answers()
    {
        var expired = Token.Of(new { sub = "x", role = shared.Member, exp = Token.In(TimeSpan.FromSeconds(-2)) });
        Assert.Equal("401 token_expired", (await engine.GetAsync("/schema", expired)).Outcome);
        Assert.Equal("401 unauthenticated", (await engine.GetAsync("/schema")).Outcome);
        foreach (var header in (string[])["Basic dXNlcjpwYXNz", "Bearer a, Bearer b"])
        {
            Assert.Equal("401 unauthenticated", (await engine.SendAsync(HttpMethod.Get, "/schema", null, null, ("Authorization", header))).Outcome);
        }

        var enormous = await engine.GetAsync("/schema", new string('a', 1024 * 1024));
        Assert.Equal(431, (int)enormous.Status);
        await Eventually.TrueAsync(async () => (await engine.GetAsync("/schema", Tenant("red"))).Status == HttpStatusCode.OK);
    }
}
