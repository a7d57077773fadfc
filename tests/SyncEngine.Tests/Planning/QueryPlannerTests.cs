using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Values;
using Xunit;
using static SyncEngine.Tests.Sql.Binding.ItemsTable;

namespace SyncEngine.Tests.Planning;

public sealed class QueryPlannerTests
{
    private const string Covered = "SELECT id FROM items WHERE room = 5";
    private static readonly Principal alice = new("issuer", "alice", "app", """{"sub":"alice"}""", null);
    private static readonly Principal bob = new("issuer", "bob", "app", """{"sub":"bob"}""", null);
    private static readonly SqlType composite = Text with { Oid = 9002, Name = "pair", Schema = "public", Kind = SqlTypeKind.Composite };

    private readonly RecordingAnalyst analyst = new(Description);
    private readonly FixedSchema schema = new(Schema(Items));
    private readonly QueryPlanner planner;

    public QueryPlannerTests() => planner = new QueryPlanner(analyst, schema, TimeSpan.FromSeconds(1));

    [Fact]
    public async Task A_covered_query_is_kept_by_the_single_table_tier()
    {
        var plan = await PlanAsync(Covered);
        Assert.Equal(("incremental", null), (plan.Tier.Mode, plan.Tier.Reason));
        Assert.Equal(["id"], plan.Key);
        Assert.False(plan.DependsOnClaims);
    }

    /// <summary>Each reason in the order in which they are decided: of two that apply, the first is given.</summary>
    [Fact]
    public async Task Everything_else_is_a_requery_with_one_reason()
    {
        var id = Description.Columns[0];
        var room = Described(Items.Columns[1], "room");
        var isRoom = Description with { Columns = [room] };
        var twice = Description with { Columns = [id, Described(Items.Columns[1], "id")] };
        (string Text, QueryDescription Description, string Reason)[] cases =
        [
            (
                "SELECT now() FROM items",
                Description with { HasRowSecurity = true, ReadsClock = true },
                "row-level security policies are applied by PostgreSQL; run again every 1 s"),
            (Covered, Description with { HasRowSecurity = true }, "row-level security policies are applied by PostgreSQL"),
            (
                "SELECT now() FROM items",
                Description with { ReadsClock = true },
                "function calls are answered by PostgreSQL; run again every 1 s"),
            (
                "SELECT id FROM items WHERE day = 'today' LIMIT 1",
                Description,
                "the current time is read by PostgreSQL; run again every 1 s"),
            ("SELECT id FROM items LIMIT 1", Description with { Views = [7] }, "LIMIT is answered by PostgreSQL"),
            (Covered, Description with { Views = [7], Tables = [7] }, "views are answered by PostgreSQL"),
            (Covered, Description with { Tables = [7] }, "PostgreSQL reads other tables than \"items\""),
            ("SELECT room FROM items", isRoom, "the result leaves out columns of the table's key"),
            ("SELECT id, room id FROM items", twice, "the result has columns of the same name"),
        ];
        foreach (var (text, description, reason) in cases)
        {
            analyst.Description = description;
            var plan = await planner.PlanAsync(text, Principal.Engine, isInvalidated: true, CancellationToken.None);
            Assert.Equal(("requery", reason), (plan.Tier.Mode, plan.Tier.Reason));
        }
    }

    [Fact]
    public async Task Values_that_PostgreSQL_refuses_are_left_to_it()
    {
        const string Text = "SELECT id FROM items WHERE price = 1.50";
        Assert.Equal("incremental", (await PlanAsync(Text)).Tier.Mode);
        Assert.Equal(["1.50"], analyst.Canonicalised);
        analyst.RefusedValue = new SyncException(ErrorCode.TypeMismatch, "no");
        var plan = await planner.PlanAsync(Text, Principal.Engine, isInvalidated: true, CancellationToken.None);
        Assert.Equal("a value in the query is for PostgreSQL to judge", plan.Tier.Reason);
    }

    [Fact]
    public async Task Types_whose_text_is_not_their_JSON_are_converted_by_PostgreSQL()
    {
        var items = Items with { Columns = [Items.Columns[0], Items.Columns[1] with { Type = composite }] };
        schema.Current = Schema(items);
        analyst.Description = Description with { Columns = [Description.Columns[0], Described(items.Columns[1], "room")] };
        var plan = await PlanAsync("SELECT id, room FROM items");
        Assert.Equal("values of type public.pair are converted to JSON by PostgreSQL", plan.Tier.Reason);
        Assert.Equal("""SELECT "q"."c0", to_json("q"."c1")::text FROM (select id, room from items) AS "q"("c0", "c1")""", plan.ReadSql);
    }

    [Fact]
    public async Task A_plan_is_made_once_per_role_and_schema_version()
    {
        var first = await PlanAsync(Covered, alice);
        Assert.Same(first, await PlanAsync(Covered, bob));
        Assert.NotSame(first, await PlanAsync(Covered, alice with { Role = "other" }));
        Assert.NotSame(first, await planner.PlanAsync(Covered, alice, isInvalidated: true, CancellationToken.None));
        var last = await PlanAsync(Covered, alice);
        schema.Current = schema.Current with { Version = 2 };
        Assert.NotSame(last, await PlanAsync(Covered, alice));
    }

    [Fact]
    public async Task A_plan_that_depends_on_claims_is_made_for_each_set_of_claims()
    {
        analyst.Description = Description with { HasRowSecurity = true };
        var forAlice = await PlanAsync(Covered, alice);
        var forBob = await PlanAsync(Covered, bob);
        Assert.NotEqual(forAlice.Identity, forBob.Identity);
        Assert.Same(forAlice, await PlanAsync(Covered, alice));
        Assert.Same(forBob, await PlanAsync(Covered, bob));
        Assert.Equal([alice, bob], analyst.Described.Select(question => question.Principal));
    }

    [Fact]
    public async Task A_relation_made_just_now_is_bound_again_in_the_newer_schema()
    {
        var older = Schema(Items with { Oid = 7, Name = "others" });
        schema.Current = older;
        analyst.OnDescribe = () => schema.Current = Schema(Items) with { Version = 2 };
        var plan = await PlanAsync(Covered);
        Assert.Equal("incremental", plan.Tier.Mode);
        Assert.Equal(2, analyst.Described.Count);
    }

    [Fact]
    public async Task A_refusal_points_into_the_text_as_sent()
    {
        analyst.Refusals.Enqueue(new SyncException(ErrorCode.UnknownColumn, "no") { SqlState = "42703", Position = 8 });
        var refused = await Assert.ThrowsAsync<SyncException>(() => PlanAsync("  SELECT /* a comment */ nosuch FROM items"));
        Assert.Equal(("42703", 26), (refused.SqlState, refused.Position ?? 0));
    }

    [Fact]
    public async Task A_deadlock_with_other_transactions_is_tried_again()
    {
        analyst.Refusals.Enqueue(Deadlock());
        analyst.Refusals.Enqueue(Deadlock());
        Assert.Equal("incremental", (await PlanAsync(Covered)).Tier.Mode);
        Assert.Equal(3, analyst.Described.Count);
        for (var i = 0; i < 3; i++)
        {
            analyst.Refusals.Enqueue(Deadlock());
        }

        await Assert.ThrowsAsync<SyncException>(() => planner.PlanAsync(Covered, alice, isInvalidated: true, CancellationToken.None));

        static SyncException Deadlock() => new(ErrorCode.SourceUnavailable, "deadlock") { SqlState = "40P01" };
    }

    [Fact]
    public async Task A_parameter_without_a_type_is_refused()
    {
        var refused = await Assert.ThrowsAsync<SyncException>(() => PlanAsync("SELECT id FROM items WHERE room = $2"));
        Assert.Equal((ErrorCode.TypeMismatch, "the type of parameter $2 cannot be inferred"), (refused.Code, refused.Message));
    }

    [Theory]
    [InlineData("SELECT id FROM items ORDER BY id", true)]
    [InlineData("(SELECT id FROM items ORDER BY id)", true)]
    [InlineData("((SELECT id FROM items) ORDER BY id)", true)]
    [InlineData("SELECT id FROM (SELECT id FROM items ORDER BY id) x", false)]
    [InlineData("(SELECT id FROM items ORDER BY id) UNION (SELECT 1)", false)]
    [InlineData("SELECT sum(id) OVER (ORDER BY id) FROM items", false)]
    public async Task The_outer_ORDER_BY_alone_orders_the_result(string text, bool isOrdered) =>
        Assert.Equal(isOrdered, (await PlanAsync(text)).IsOrdered);

    private Task<QueryPlan> PlanAsync(string text, Principal? principal = null) =>
        planner.PlanAsync(text, principal ?? Principal.Engine, isInvalidated: false, CancellationToken.None);
}
