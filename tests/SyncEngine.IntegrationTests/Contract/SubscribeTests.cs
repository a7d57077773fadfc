using System.Net;
using System.Text.Json;
using Dapper;
using SyncEngine.IntegrationTests.Client;
using SyncEngine.IntegrationTests.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>A server for the tests of docs/PROTOCOL.md, section 3.</summary>
public sealed class SubscribeEngine(PostgresFixture postgres) : IAsyncLifetime
{
    public Engine Engine { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Engine = await Engine.StartAsync(
        postgres,
        """
        CREATE TABLE messages (id int8 PRIMARY KEY, room_id int4 NOT NULL, body text);
        INSERT INTO messages VALUES (1, 42, 'hi'), (2, 42, 'yo'), (3, 7, NULL);
        CREATE SCHEMA shop;
        CREATE TYPE shop.mood AS ENUM ('sad', 'glad');
        CREATE DOMAIN shop.cents AS numeric(12, 2);
        CREATE TABLE things (id int4 PRIMARY KEY, mood shop.mood, price shop.cents, tags int4[], at timestamptz NOT NULL DEFAULT now());
        CREATE VIEW quiet AS SELECT id, room_id FROM messages WHERE body IS NULL;
        CREATE TABLE keyless (a int4, b int4);
        CREATE UNLOGGED TABLE unlogged (id int4 PRIMARY KEY);
        CREATE MATERIALIZED VIEW stored AS SELECT 1 AS id;
        """,
        "--SyncEngine:Queries:Named:room_messages:Sql=SELECT id, body FROM messages WHERE room_id = $1",
        "--SyncEngine:Queries:Named:room_messages:Parameters:0=room");

    public ValueTask DisposeAsync() => Engine.DisposeAsync();
}

public sealed class SubscribeTests(SubscribeEngine shared) : IClassFixture<SubscribeEngine>
{
    private readonly Engine engine = shared.Engine;

    [Fact]
    public async Task The_answer_names_columns_key_and_plan()
    {
        var answer = await engine.PostQueryAsync("SELECT id, body FROM messages WHERE room_id = $1", "[42]");

        Assert.Equal(HttpStatusCode.Created, answer.Status);
        Assert.Equal(["subscriptionId", "columns", "key", "ordered", "plan"], answer.Json.EnumerateObject().Select(member => member.Name));
        Assert.Equal("""[{"name":"id","type":"int8","nullable":false},{"name":"body","type":"text","nullable":true}]""", answer.Json.GetProperty("columns").GetRawText());
        Assert.Equal("""["id"]""", answer.Json.GetProperty("key").GetRawText());
        Assert.False(answer.Json.GetProperty("ordered").GetBoolean());
        Assert.Equal("""{"mode":"incremental","reason":null}""", answer.Json.GetProperty("plan").GetRawText());
    }

    [Fact]
    public async Task Types_are_named_as_in_the_catalog()
    {
        var subscription = await engine.SubscribeAsync("SELECT id, mood, price, tags, at FROM things");
        var moods = await engine.SubscribeAsync("SELECT array_agg(mood) AS moods FROM things");

        Assert.Equal("int4", subscription.Columns[0].Type);
        Assert.Equal("shop.mood", subscription.Columns[1].Type);
        Assert.Contains(subscription.Columns[2].Type, (string[])["numeric", "shop.cents"]);
        Assert.Equal("int4[]", subscription.Columns[3].Type);
        Assert.Equal("timestamptz", subscription.Columns[4].Type);
        Assert.Equal("shop.mood[]", moods.Columns.Single(column => !column.Hidden).Type);
        Assert.Equal([false, true, true, true, false], subscription.Columns.Select(column => column.Nullable));
    }

    [Theory]
    [InlineData("SELECT body FROM messages")]
    [InlineData("SELECT a, b FROM keyless")]
    [InlineData("SELECT id, id FROM messages")]
    [InlineData("SELECT room_id FROM messages UNION ALL SELECT id FROM things")]
    public async Task A_result_without_a_natural_key_has_a_hidden_row_column_first(string query)
    {
        var answer = await engine.PostQueryAsync(query);

        if (answer.Outcome == "400 not_published")
        {
            // A table without a replica identity is not published.
            Assert.Contains("keyless", query);
            return;
        }

        var subscription = Engine.Read(answer);
        Assert.Equal(new SubscribedColumn("$row", "text", Nullable: false, Hidden: true), subscription.Columns[0]);
        Assert.Equal(["$row"], subscription.Key);
    }

    [Theory]
    [InlineData("SELECT id FROM messages ORDER BY id", true)]
    [InlineData("SELECT id FROM messages", false)]
    [InlineData("SELECT id FROM (SELECT id FROM messages ORDER BY id LIMIT 2) m", false)]
    public async Task A_result_is_ordered_when_its_query_has_an_ORDER_BY(string query, bool isOrdered) =>
        Assert.Equal(isOrdered, (await engine.SubscribeAsync(query)).Ordered);

    [Theory]
    [InlineData("VALUES (1, 'one'), (2, 'two')")]
    [InlineData("WITH m AS (SELECT id FROM messages) SELECT count(*) FROM m")]
    [InlineData("SELECT id FROM messages UNION SELECT id FROM things")]
    [InlineData("SELECT id FROM quiet")]
    [InlineData("SELECT m.id, t.mood FROM messages m LEFT JOIN things t ON t.id = m.id")]
    [InlineData("SELECT room_id, count(*), array_agg(id ORDER BY id) FROM messages GROUP BY room_id HAVING count(*) > 1")]
    [InlineData("SELECT id, row_number() OVER (ORDER BY id) FROM messages")]
    [InlineData("SELECT DISTINCT room_id FROM messages ORDER BY room_id DESC LIMIT 1")]
    [InlineData("SELECT 1 AS one")]
    public async Task Every_kind_of_SELECT_is_kept_live(string query)
    {
        await using var watch = await engine.WatchAsync(query);

        Assert.Contains(watch.Subscription.Plan.Mode, (string[])["incremental", "probe", "requery"]);
        Assert.True(watch.Subscription.Plan.Mode == "incremental" || watch.Subscription.Plan.Reason is { Length: > 0 }, "a slower mode has a reason");
    }

    [Fact]
    public async Task Parameters_are_numbers_texts_arrays_json_and_null()
    {
        await using var numbers = await engine.WatchAsync("SELECT id FROM messages WHERE id = $1 OR id = $2 ORDER BY id", """[1, "2"]""");
        await using var array = await engine.WatchAsync("SELECT id FROM messages WHERE id = ANY($1::int8[]) ORDER BY id", "[[1, \"3\"]]");
        await using var json = await engine.WatchAsync("SELECT $1::jsonb AS document, $2::text AS nothing", """[{"a": [1, null]}, null]""");

        await numbers.RowsAsync("""["1"]""", """["2"]""");
        await array.RowsAsync("""["1"]""", """["3"]""");
        await json.RowsAsync("""[{"a":[1,null]},null]""");
    }

    [Fact]
    public async Task A_deleted_subscription_is_gone()
    {
        var subscription = await engine.SubscribeAsync("SELECT id FROM messages");
        await using var watch = await engine.StreamAsync(subscription);
        await watch.LiveAsync();

        Assert.Equal("204", (await engine.DeleteAsync("/subscribe/" + subscription.SubscriptionId)).Outcome);
        Assert.Equal("404 unknown_subscription", (await engine.DeleteAsync("/subscribe/" + subscription.SubscriptionId)).Outcome);
        Assert.Equal("404 unknown_subscription", (await engine.GetAsync($"/subscribe/{subscription.SubscriptionId}/events")).Outcome);
        await watch.EndAsync();
    }

    [Fact]
    public async Task A_subscription_is_streamed_several_times_at_once()
    {
        var subscription = await engine.SubscribeAsync("SELECT id, mood FROM things");
        await using var one = await engine.StreamAsync(subscription);
        await using var two = engine.Events(subscription);
        await one.LiveAsync();
        await two.LiveAsync();

        await engine.ExecuteAsync("INSERT INTO things (id, mood) VALUES (900, 'glad')");

        await one.RowsAsync("""[900,"glad"]""");
        await two.RowsAsync("""[900,"glad"]""");
        await engine.ExecuteAsync("DELETE FROM things WHERE id = 900");
    }

    [Fact]
    public async Task A_named_query_takes_its_parameters_by_name()
    {
        var answer = await engine.PostAsync("/subscribe", """{"name": "room_messages", "params": {"room": 42}}""");
        await using var watch = await engine.StreamAsync(Engine.Read(answer));

        await watch.RowsAsync("""["1","hi"]""", """["2","yo"]""");
        Assert.Equal("400 invalid_request", (await engine.PostAsync("/subscribe", """{"name": "no_such"}""")).Outcome);
        Assert.Equal("400 invalid_request", (await engine.PostAsync("/subscribe", """{"name": "room_messages", "params": {"rom": 42}}""")).Outcome);
    }

    [Fact]
    public async Task Explain_returns_the_whole_plan()
    {
        var answer = await engine.PostAsync("/explain", """{"query": "SELECT id, body FROM messages WHERE room_id = $1", "params": [42]}""");

        Assert.Equal(HttpStatusCode.OK, answer.Status);
        Assert.Equal("incremental", answer.Json.GetProperty("mode").GetString());
        Assert.Contains("messages", answer.Json.GetProperty("relations").GetRawText());
        Assert.Contains("room_id", answer.Json.GetProperty("index").GetRawText());
        Assert.StartsWith("select", answer.Json.GetProperty("sql").GetString(), StringComparison.OrdinalIgnoreCase);
        Assert.Equal("400 unknown_relation", (await engine.PostAsync("/explain", """{"query": "SELECT * FROM nowhere"}""")).Outcome);
    }

    [Fact]
    public async Task The_schema_has_a_version_that_changes_with_it()
    {
        var before = (await engine.GetAsync("/schema")).Json;
        var things = before.GetProperty("relations").EnumerateArray().Single(relation => relation.GetProperty("name").GetString() == "things");
        Assert.Equal("""["id"]""", things.GetProperty("primaryKey").GetRawText());
        Assert.Contains("""["sad","glad"]""", things.GetRawText());

        await engine.ExecuteAsync("CREATE TABLE added_later (id int4 PRIMARY KEY)");

        await Eventually.TrueAsync(async () =>
        {
            var after = (await engine.GetAsync("/schema")).Json;
            return after.GetProperty("version").GetString() != before.GetProperty("version").GetString() && after.GetRawText().Contains("added_later", StringComparison.Ordinal);
        });
    }

    [Fact]
    public async Task A_table_made_after_the_start_is_known_and_followed()
    {
        await engine.ExecuteAsync("CREATE TABLE newcomer (id int4 PRIMARY KEY, note text); INSERT INTO newcomer VALUES (1, 'first')");
        var began = TimeProvider.System.GetTimestamp();
        Answer answer = null!;
        await Eventually.TrueAsync(async () => (answer = await engine.PostQueryAsync("SELECT id, note FROM newcomer")).Status == HttpStatusCode.Created);
        var took = TimeProvider.System.GetElapsedTime(began);
        await using var watch = await engine.StreamAsync(Engine.Read(answer));
        await watch.RowsAsync("""[1,"first"]""");

        await engine.ExecuteAsync("INSERT INTO newcomer VALUES (2, 'second')");

        await watch.RowsAsync("""[1,"first"]""", """[2,"second"]""");
        // The contract says 2 s; the rest is for a loaded machine.
        Assert.True(took < TimeSpan.FromSeconds(8), $"known after {took}");
    }

    [Theory]
    [InlineData("SELECT * FROM unlogged")]
    [InlineData("SELECT * FROM stored")]
    [InlineData("SELECT * FROM keyless")]
    [InlineData("SELECT * FROM pg_class")]
    [InlineData("SELECT * FROM information_schema.tables")]
    [InlineData("SELECT count(*) FROM messages m JOIN pg_catalog.pg_type t ON t.oid = m.id::oid")]
    public async Task A_relation_whose_changes_cannot_be_seen_is_not_published(string query)
    {
        var answer = await engine.PostQueryAsync(query);

        Assert.Equal("400 not_published", answer.Outcome);
    }

    [Fact]
    public async Task The_hint_for_a_table_without_identity_is_the_SQL_that_helps()
    {
        var answer = await engine.PostQueryAsync("SELECT * FROM keyless");
        Assert.Contains("keyless", answer.Json.GetProperty("hint").GetString());
        Assert.Contains("ALTER TABLE", answer.Json.GetProperty("hint").GetString());
    }

    [Fact]
    public async Task A_socket_at_subscribe_answers_with_whole_results()
    {
        await engine.ExecuteAsync("CREATE TABLE whole (id int8 PRIMARY KEY, note text)");
        await Eventually.TrueAsync(async () => (await engine.PostQueryAsync("SELECT id, note FROM whole")).Status == HttpStatusCode.Created);
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/subscribe");

        await socket.SendAsync("""{"query": "SELECT id, note FROM whole ORDER BY id", "params": []}""");
        Assert.Equal("[]", (await socket.ReceiveAsync()).GetProperty("rows").GetRawText());
        await engine.ExecuteAsync("INSERT INTO whole VALUES (2, 'two'); INSERT INTO whole VALUES (1, NULL)");

        JsonElement answer;
        do
        {
            answer = await socket.ReceiveAsync();
            Assert.Equal(["rows", "cut"], answer.EnumerateObject().Select(member => member.Name));
        }
        while (answer.GetProperty("rows").GetArrayLength() < 2);
        Assert.Equal("""[{"id":"1","note":null},{"id":"2","note":"two"}]""", answer.GetProperty("rows").GetRawText());
    }

    [Fact]
    public async Task A_socket_at_subscribe_gets_the_error_of_its_query()
    {
        await using var socket = await TextSocket.ConnectAsync(engine.Address, "/subscribe");
        await socket.SendAsync("""{"query": "SELECT * FROM nowhere"}""");
        Assert.Equal("unknown_relation", (await socket.ReceiveAsync()).GetProperty("code").GetString());
        Assert.True(await socket.IsClosedAsync());
    }
}

/// <summary>With rules of its own each: a server for every test.</summary>
public sealed class SubscribeOptionTests(PostgresFixture postgres)
{
    [Fact]
    public async Task Without_ad_hoc_queries_only_named_ones_are_left()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE TABLE t (id int4 PRIMARY KEY)",
            "--SyncEngine:Queries:AllowAdHoc=false",
            "--SyncEngine:Queries:Named:all:Sql=SELECT id FROM t");

        Assert.Equal("403 adhoc_disabled", (await engine.PostQueryAsync("SELECT id FROM t")).Outcome);
        Assert.Equal("403 adhoc_disabled", (await engine.PostAsync("/explain", """{"query": "SELECT id FROM t"}""")).Outcome);
        Assert.Equal(HttpStatusCode.Created, (await engine.PostAsync("/subscribe", """{"name": "all"}""")).Status);
    }

    [Fact]
    public async Task A_subscription_that_no_client_streams_is_dropped()
    {
        await using var engine = await Engine.StartAsync(postgres, "CREATE TABLE t (id int4 PRIMARY KEY)", "--SyncEngine:Subscriptions:Unattended=00:00:01");
        var left = await engine.SubscribeAsync("SELECT id FROM t");
        await using var kept = await engine.WatchAsync("SELECT id FROM t");

        await Eventually.TrueAsync(async () => (await engine.DeleteAsync($"/subscribe/{left.SubscriptionId}x")).Code == "unknown_subscription"
            && await CountAsync(engine) == 1);
        Assert.Equal("404 unknown_subscription", (await engine.DeleteAsync($"/subscribe/{left.SubscriptionId}")).Outcome);
        await engine.ExecuteAsync("INSERT INTO t VALUES (1)");
        await kept.RowsAsync("[1]");
    }

    [Fact]
    public async Task Fixed_publications_are_left_alone()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE TABLE published (id int4 PRIMARY KEY); CREATE TABLE hidden (id int4 PRIMARY KEY); CREATE PUBLICATION sync FOR TABLE published",
            "--SyncEngine:Replication:Publish=fixed");

        Assert.Equal(HttpStatusCode.Created, (await engine.PostQueryAsync("SELECT id FROM published")).Status);
        var refused = await engine.PostQueryAsync("SELECT id FROM hidden");
        Assert.Equal("400 not_published", refused.Outcome);
        Assert.Contains("ALTER PUBLICATION", refused.Json.GetProperty("hint").GetString());
        Assert.Equal(1, await engine.Database.ScalarAsync<int>("SELECT count(*)::int FROM pg_publication_tables WHERE pubname = 'sync'"));
    }

    [Fact]
    public async Task Names_resolve_along_the_configured_search_path()
    {
        await using var engine = await Engine.StartAsync(
            postgres,
            "CREATE SCHEMA shop; CREATE TABLE shop.t (id int4 PRIMARY KEY, place text); CREATE TABLE t (id int4 PRIMARY KEY); INSERT INTO shop.t VALUES (1, 'shop')",
            "--SyncEngine:Queries:SearchPath=shop,public",
            "--SyncEngine:Replication:Schemas=shop,public");

        await using var watch = await engine.WatchAsync("SELECT id, place FROM t");
        await watch.RowsAsync("""[1,"shop"]""");
        await using var qualified = await engine.WatchAsync("SELECT id FROM public.t");
        await qualified.RowsAsync();
    }

    private static async Task<double> CountAsync(Engine engine)
    {
        var metrics = (await engine.GetAsync("/metrics")).Text;
        return metrics.Split('\n').Where(line => line.StartsWith("sync_subscriptions{", StringComparison.Ordinal)).Sum(line => double.Parse(line.Split(' ')[1]));
    }
}
