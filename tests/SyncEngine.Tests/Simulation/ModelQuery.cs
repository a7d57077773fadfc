using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using SyncEngine.Delivery;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Tiers.Requery;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;

namespace SyncEngine.Tests.Simulation;

/// <summary>A query of the simulation: its meaning in plain C#, and the plan that the engine is given for it.</summary>
sealed class ModelQuery
{
    private const uint Items = 20_001, Notes = 20_002, Marks = 20_003;
    private static readonly ValueComparer numbers = ValueComparer.For(ModelTable.Int)!;
    private static readonly ValueComparer texts = ValueComparer.For(ModelTable.Text)!;

    private readonly Func<ModelState, int?[], IEnumerable<string?[]>> meaning;

    private ModelQuery(string name, int parameterCount, QueryPlan plan, Func<ModelState, int?[], IEnumerable<string?[]>> meaning)
    {
        Name = name;
        ParameterCount = parameterCount;
        Plan = plan;
        this.meaning = meaning;
    }

    /// <summary>Every query, each single-table one both incremental and read again.</summary>
    public static ImmutableArray<ModelQuery> All { get; } = [.. Make()];

    /// <summary>Queries that share the template of "by body" and have another literal.</summary>
    public static ImmutableArray<ModelQuery> OtherLiterals { get; } = [.. ByBody("by another body", "T2"), .. ByBody("by a short body", "a")];

    public string Name { get; }

    public int ParameterCount { get; }

    public QueryPlan Plan { get; }

    public static ModelQuery Named(string name) => All.First(query => query.Name == name);

    public List<EncodedRow> Evaluate(ModelState state, ImmutableArray<string?> parameters) => Evaluate(state, parameters, Plan.NewEncoder());

    public List<EncodedRow> Evaluate(ModelState state, ImmutableArray<string?> parameters, RowEncoder encoder)
    {
        encoder.Reset();
        var values = parameters.Select(text => text is null ? (int?)null : int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        List<EncodedRow> rows = [];
        foreach (var row in meaning(state, values))
        {
            encoder.Begin();
            foreach (var value in row)
            {
                encoder.Add(Encoding.UTF8.GetBytes(value ?? ""), value is null);
            }

            rows.Add(encoder.End());
        }

        return rows;
    }

    private static IEnumerable<ModelQuery> Make()
    {
        // Columns of a single-table plan: 0 id, 1 room, 2 score, 3 body.
        var inRoom = new Comparison(1, ComparisonOperator.Equal, 0, numbers);
        ModelQuery[] singles =
        [
            .. Single("in a room", 1, [0, 3, 1], inRoom, new IndexedEquality(1, [0], numbers), (row, p) => row.Room is not null && row.Room == p[0]),
            .. Single("in a room, bodies left out", 1, [0, 2], inRoom, new IndexedEquality(1, [0], numbers), (row, p) => row.Room is not null && row.Room == p[0]),
            .. Single(
                "in two rooms with a score", 3, [1, 0], new And([new InList(1, [0, 1], false, numbers), new Comparison(2, ComparisonOperator.GreaterOrEqual, 2, numbers)]),
                new IndexedEquality(1, [0, 1], numbers), (row, p) => (row.Room == p[0] || row.Room == p[1]) && row.Room is not null && row.Score >= p[2]),
            .. Single("score in a range", 2, [0, 2, 3], new Between(2, 0, 1, false, numbers), null, (row, p) => row.Score >= p[0] && row.Score <= p[1]),
            .. Single(
                "in a room or without a score", 1, [0, 1, 2], new Or([inRoom, new NullTest(2, false)]), null, (row, p) => (row.Room == p[0] && row.Room is not null) || row.Score is null),
            .. Single("all", 0, [0, 1, 2, 3], new Constant(Truth.True), null, (_, _) => true),
            .. ByBody("by body", "T1"),
        ];
        foreach (var single in singles)
        {
            yield return single;
        }

        yield return Requery("ordered", 1, [Items], [ModelTable.Int, ModelTable.Int, ModelTable.Text], [0], isOrdered: true, (state, p) => state[Items].Values
            .Where(row => row.Score >= p[0]).OrderBy(row => row.Score).ThenByDescending(row => row.Id).Take(5).Select(row => (string?[])[row.Texts[0], row.Texts[2], row.Body]));
        yield return Requery("counts", 0, [Notes], [ModelTable.Int, ModelTable.Int], [], isOrdered: false, (state, _) => state[Notes].Values
            .GroupBy(row => row.Texts[1]).Select(group => (string?[])[group.Key, group.Count().ToString(CultureInfo.InvariantCulture)]));
        yield return Requery("union of two", 1, [Items, Marks], [ModelTable.Int, ModelTable.Text], [], isOrdered: false, (state, p) => state[Items].Values.Concat(state[Marks].Values)
            .Where(row => row.Room == p[0]).Select(row => (string?[])[row.Texts[1], row.Body]));
        yield return Requery("joined", 0, [Items, Notes], [ModelTable.Int, ModelTable.Text, ModelTable.Text], [0], isOrdered: false, (state, _) => state[Items].Values
            .Where(row => state[Notes].ContainsKey(row.Id)).Select(row => (string?[])[row.Texts[0], row.Body, state[Notes][row.Id].Body]));
    }

    private static IEnumerable<ModelQuery> ByBody(string name, string body) => Single(
        name,
        0,
        [0, 3],
        new Comparison(3, ComparisonOperator.Equal, 0, texts),
        new IndexedEquality(3, [0], texts),
        (row, _) => row.Body == body,
        Encoding.UTF8.GetBytes(body),
        template: "by body");

    private static IEnumerable<ModelQuery> Single(
        string name, int parameterCount, ImmutableArray<int> output, Predicate predicate, IndexedEquality? index, Func<ModelRow, int?[], bool> matches, byte[]? literal = null,
        string? template = null)
    {
        ImmutableArray<StreamedColumn> columns = [new("id", ModelTable.Int, -1), new("room", ModelTable.Int, -1), new("score", ModelTable.Int, -1), new("body", ModelTable.Text, -1)];
        ImmutableArray<Operand> operands = literal is null ? [.. Enumerable.Range(0, parameterCount).Select(i => new Operand(i, null))] : [new Operand(null, literal)];
        foreach (var (table, label) in ((uint, string)[])[(Items, "items"), (Notes, "notes"), (Marks, "marks")])
        {
            IEnumerable<string?[]> Meaning(ModelState state, int?[] p) => state[table].Values.Where(row => matches(row, p)).Select(row => output.Select(column => row.Texts[column]).ToArray());
            ImmutableArray<SqlType> types = [.. output.Select(column => column == 3 ? ModelTable.Text : ModelTable.Int)];
            var again = Requery($"{label} {name}, read again", parameterCount, [table], types, [output.IndexOf(0)], isOrdered: false, Meaning);
            yield return again;
            var plan = again.Plan with
            {
                Statement = again.Plan.Statement with { QueryText = $"{label} {name}", ReadSql = $"{label} {name}" },
                Scope = again.Plan.Scope with { Identity = $"{label} {name}" },
                Tier = new SingleTablePlan(
                    table, $"{label} {template ?? name}", new RowProjection(columns, output, [0]), new RowFilter(predicate, index, operands)),
            };
            yield return new ModelQuery($"{label} {name}", parameterCount, plan, Meaning);
        }
    }

    private static ModelQuery Requery(
        string name, int parameterCount, ImmutableArray<uint> tables, ImmutableArray<SqlType> types, ImmutableArray<int> key, bool isOrdered,
        Func<ModelState, int?[], IEnumerable<string?[]>> meaning)
    {
        var codecs = types.Select(ColumnCodec.For).ToImmutableArray();
        OutputColumn[] columns = [.. types.Select((type, i) => new OutputColumn($"c{i}", type.DisplayName, true))];
        var plan = new QueryPlan(
            new RequeryPlan("it says so"),
            new PlanStatement(name, name, [.. Enumerable.Repeat(ModelTable.Int, parameterCount)]),
            new ResultShape(
                key.IsEmpty ? [new OutputColumn("$row", "text", false, true), .. columns] : [.. columns],
                key.IsEmpty ? ["$row"] : [.. key.Select(index => columns[index].Name)],
                isOrdered,
                key.IsEmpty ? () => new ContentKeyedRowEncoder(codecs) : () => new JsonRowEncoder(codecs, key)),
            new PlanSources(tables, ImmutableDictionary<uint, ulong>.Empty),
            new PlanScope(name, Principal.Engine, DependsOnClaims: false));
        return new ModelQuery(name, parameterCount, plan, meaning);
    }
}
