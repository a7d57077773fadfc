using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;

namespace SyncEngine.Benchmarks.Engine;

/// <summary>The plan of <c>SELECT id, body FROM … WHERE room = $1</c>, as the planner makes it, for engines without a database behind them.</summary>
internal static class RoomQuery
{
    private const string Sql = "SELECT id, body FROM messages WHERE room = $1";

    public static QueryPlan PlanFor(uint table) => new(
        new SingleTablePlan(
            table,
            "room",
            new RowProjection(
                [
                    new StreamedColumn("id", Type(TypeOid.Int8, "int8"), -1),
                    new StreamedColumn("room", Type(TypeOid.Int4, "int4"), -1),
                    new StreamedColumn("body", Type(TypeOid.Text, "text"), -1),
                ],
                Output: [0, 2],
                Key: [0]),
            new RowFilter(
                new Comparison(1, ComparisonOperator.Equal, 0, Comparer), new IndexedEquality(1, [0], Comparer), [new Operand(0, null)])),
        new PlanStatement(Sql, Sql, [Type(TypeOid.Int4, "int4")]),
        new ResultShape(
            [new OutputColumn("id", "int8", IsNullable: false), new OutputColumn("body", "text", IsNullable: true)],
            ["id"],
            IsOrdered: false,
            () => new JsonRowEncoder([ColumnCodec.For(Type(TypeOid.Int8, "int8")), ColumnCodec.For(Type(TypeOid.Text, "text"))], [0])),
        new PlanSources([table], ImmutableDictionary<uint, ulong>.Empty.Add(table, 1)),
        new PlanScope("room", Principal.Engine, DependsOnClaims: false));

    private static ValueComparer Comparer { get; } = ValueComparer.For(Type(TypeOid.Int4, "int4"))!;

    private static SqlType Type(uint oid, string name) => new(oid, "pg_catalog", name, SqlTypeKind.Base, null, [], [], HasJsonCast: false, ',');
}
