using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Planning;
using SyncEngine.Server.Endpoints;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Observability;
using SyncEngine.Server.Options;
using SyncEngine.Tests.Simulation;
using Xunit;

namespace SyncEngine.Tests.Protocol;

/// <summary>The samples of requests are read, and those of answers are written, by the server's own types.</summary>
public sealed class BodySampleTests
{
    private const int QueryBytes = 1024;
    private static readonly JsonSerializerOptions web = new(JsonSerializerDefaults.Web);
    private static readonly ColumnAnswer id = new("id", "int8", false, false);
    private static readonly DateTimeOffset since = new(2026, 11, 20, 8, 28, 0, TimeSpan.Zero);

    private static readonly Dictionary<string, Func<string>> answers = new(StringComparer.Ordinal)
    {
        ["subscribe-answer"] = () => Serialized(new SubscribeAnswer(
            "s1", [id, new("body", "text", true, false)], ["id"], false, new PlanAnswer("incremental", null))),
        ["subscribe-answer-requery"] = () => Serialized(new SubscribeAnswer(
            "s2",
            [new("$row", "text", false, true), new("room_id", "int4", false, false), new("count", "int8", true, false)],
            ["$row"],
            false,
            new PlanAnswer("requery", "aggregates are answered by PostgreSQL"))),
        ["explain-answer"] = () => Serialized(new Explanation
        {
            Mode = "incremental",
            Reason = null,
            Columns = [id],
            Key = ["id"],
            Ordered = false,
            Parameters = ["int4"],
            Relations = [new WatchedRelation("public.messages", ["id", "room_id"])],
            Permissions = new PermissionAnswer("member", false),
            Index = new IndexAnswer("room_id", 1),
            Sharing = new SharingAnswer("16393[1:id](c2=?23)", "one result per role and parameters"),
            Sql = "select id from messages where room_id = $1",
        }),
        ["schema-answer"] = () => Serialized(new SchemaAnswer("7", [new RelationAnswer
        {
            Schema = "public",
            Name = "messages",
            Kind = "table",
            Columns = [new("id", "int8", false, null), new("mood", "public.mood", true, ["happy", "sad"])],
            PrimaryKey = ["id"],
            Live = true,
            NotLiveBecause = null,
        }])),
        ["health-ready"] = () => Encoding.UTF8.GetString(new HealthReport(HealthStatus.Up, "0.1.0", new SortedDictionary<string, HealthState>(StringComparer.Ordinal)
        {
            ["database"] = new(HealthStatus.Up, null, since),
            ["outbox.nodes_table"] = new(HealthStatus.Up, "full: 1 node", since),
            ["replication"] = new(HealthStatus.Up, null, since + TimeSpan.FromSeconds(1), new HealthLag(Bytes: 0)),
        }).ToJson()),
        ["socket-answer"] = SocketAnswer,
    };

    public static TheoryData<string> Answers => [.. answers.Keys];

    [Theory]
    [MemberData(nameof(Answers))]
    public void An_answer_is_written_as_its_sample(string name) => Assert.Equal(Samples.Compact(Samples.Body(name)), Samples.Compact(answers[name]()));

    [Fact]
    public void A_request_is_read_with_its_query_and_parameters()
    {
        var byText = Request(Samples.Body("subscribe-request"));
        Assert.Equal("SELECT id, body FROM messages WHERE room_id = $1", byText.Query);
        Assert.Equal("42", Assert.Single(byText.Parameters).GetRawText());

        var byName = Request(Samples.Body("subscribe-named-request"));
        Assert.Equal("SELECT 1", byName.Query);
        Assert.Equal(["42", "10"], byName.Parameters.Select(value => value.GetRawText()));
    }

    [Fact]
    public async Task An_error_is_written_as_its_sample()
    {
        var context = new DefaultHttpContext { Response = { Body = new MemoryStream() } };
        await Problem.Of(new SyncException(ErrorCode.SqlSyntaxError, "syntax error at or near \"form\"") { SqlState = "42601", Position = 10 }).WriteAsync(context);

        var written = ((MemoryStream)context.Response.Body).ToArray();
        Assert.Equal(Samples.Compact(Samples.Body("problem")), Samples.Compact(Encoding.UTF8.GetString(written)));
    }

    [Fact]
    public void Every_sample_is_a_request_or_an_answer_of_these_tests() => Assert.Equal(
        answers.Keys.Concat(["problem", "subscribe-named-request", "subscribe-request"]).Order(StringComparer.Ordinal), Samples.Bodies);

    private static SubscribeRequest Request(string body)
    {
        var queries = new QueryOptions { Named = new() { ["room_messages"] = new() { Sql = "SELECT 1", Parameters = ["room", "limit"] } } };
        using var document = JsonDocument.Parse(body);
        return SubscribeBody.Read(document.RootElement, queries, NamedQueries.Load(queries, AppContext.BaseDirectory), QueryBytes);
    }

    /// <summary>The whole result that the samples of a snapshot, of <c>live</c> and of a diff give.</summary>
    private static string SocketAnswer()
    {
        var model = ModelQuery.All[0].Plan;
        OutputColumn[] columns = [new("id", "int8", false), new("body", "text", true)];
        var plan = model with { Result = new ResultShape([.. columns], ["id"], IsOrdered: true, model.NewEncoder) };
        var result = new WholeResult(plan);
        foreach (var name in (string[])["snapshot", "snapshot-last", "live"])
        {
            Apply(result, name);
        }

        return Encoding.UTF8.GetString(Apply(result, "diff-ordered")!.Value.Span);
    }

    private static ReadOnlyMemory<byte>? Apply(WholeResult result, string sample)
    {
        var json = Encoding.UTF8.GetBytes(Samples.Frame(sample));
        var type = JsonElement.Parse(json).GetProperty("type").GetString();
        return result.Apply(Enum.Parse<FrameType>(type!, ignoreCase: true), json);
    }

    private static string Serialized<T>(T answer) => JsonSerializer.Serialize(answer, web);
}
