using System.Collections.Immutable;
using System.Diagnostics;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Catalog;
using TruthValue = SyncEngine.Sql.Syntax.TruthValue;
using SyncEngine.Values;
using ComparisonOperator = SyncEngine.Tiers.SingleTable.Predicates.ComparisonOperator;
using Predicate = SyncEngine.Tiers.SingleTable.Predicates.Predicate;

namespace SyncEngine.Planning;

/// <summary>Turns a bound single-table query into what the matcher runs: predicates over plain columns, which know no SQL.</summary>
sealed class SingleTablePlanner
{
    private readonly BoundSelect select;
    private readonly List<Column> needed = [];

    private SingleTablePlanner(BoundSelect select) => this.select = select;

    /// <param name="literals">Canonical texts of the slots that are literals, by slot.</param>
    /// <returns>Null when the result leaves out a column of the replica identity.</returns>
    public static SingleTablePlan? TryPlan(BoundSelect select, IReadOnlyDictionary<int, byte[]?> literals)
    {
        var planner = new SingleTablePlanner(select);
        var table = select.Table;
        var output = select.Output.Select(column => planner.Need(table.Columns[column.Ordinal])).ToImmutableArray();
        // FULL names rows by everything; the primary key, when there is one, says which row it is.
        var identity = table.Identity == Changes.ReplicaIdentity.Full ? table.PrimaryKey : table.IdentityColumns;
        var key = identity.Select(number => planner.needed.FindIndex(column => column.Number == number)).ToImmutableArray();
        if (key.IsEmpty || key.Contains(-1))
        {
            return null;
        }

        var predicate = select.Where is { } where ? planner.Convert(where) : new Constant(Truth.True);
        return new SingleTablePlan(
            table.Oid,
            // The types as they are in the stream belong to it: a template outlives a schema version.
            Sql.Binding.QueryTemplate.Key(select) + string.Concat(planner.needed.Select(column => $"|{column.Name}:{column.Type.Oid}:{column.TypeModifier}")) + "#" + string.Join(',', key),
            [.. planner.needed.Select(column => new StreamedColumn(column.Name, column.Type, column.TypeModifier))],
            output,
            key,
            predicate,
            Indexed(predicate),
            [.. select.Slots.Select((slot, i) => slot.Source is ParameterSource parameter ? new Operand(parameter.Number - 1, null) : new Operand(null, literals[i]))]);
    }

    private int Need(Column column)
    {
        var at = needed.FindIndex(known => known.Number == column.Number);
        if (at < 0)
        {
            needed.Add(column);
            at = needed.Count - 1;
        }

        return at;
    }

    private Predicate Convert(Sql.Binding.Predicate bound) => bound switch
    {
        ConstantPredicate constant => new Constant(constant.Value switch { true => Truth.True, false => Truth.False, null => Truth.Unknown }),
        ColumnPredicate column => new BooleanColumn(ColumnOf(column.Column)),
        ComparePredicate compare => new Comparison(ColumnOf(compare.Column), OperatorOf(compare.Operator), compare.Slot, ComparerOf(compare.Column)),
        InPredicate inList => new InList(ColumnOf(inList.Column), inList.Slots, IsNegated: false, ComparerOf(inList.Column)),
        IsNullPredicate isNull => new NullTest(ColumnOf(isNull.Column), IsNegated: false),
        DistinctPredicate distinct => new DistinctFrom(ColumnOf(distinct.Column), distinct.Slot, ComparerOf(distinct.Column)),
        TruthPredicate truth => new BooleanTest(
            Convert(truth.Operand),
            truth.Value switch { TruthValue.True => Truth.True, TruthValue.False => Truth.False, _ => Truth.Unknown },
            IsNegated: false),
        NotPredicate not => new Not(Convert(not.Operand)),
        AndPredicate and => new And([.. and.Operands.Select(Convert)]),
        OrPredicate or => new Or([.. or.Operands.Select(Convert)]),
        _ => throw new UnreachableException(bound.GetType().Name),
    };

    private int ColumnOf(short number) => Need(Find(number));

    private ValueComparer ComparerOf(short number) => ValueComparer.For(Find(number).Type) ?? throw new UnreachableException($"column {number} was bound without a comparer");

    private Column Find(short number) => select.Table.Columns.First(column => column.Number == number);

    private static ComparisonOperator OperatorOf(Sql.Syntax.ComparisonOperator bound) => Enum.Parse<ComparisonOperator>(bound.ToString());

    /// <summary>An equality that must hold for the whole condition to: the condition itself, or a term of its AND.</summary>
    private static IndexedEquality? Indexed(Predicate predicate) => predicate switch
    {
        Comparison { Operator: ComparisonOperator.Equal } equal => new IndexedEquality(equal.Column, [equal.Operand], equal.Comparer),
        InList { IsNegated: false } inList => new IndexedEquality(inList.Column, inList.Operands, inList.Comparer),
        And and => and.Terms.Select(Indexed).OfType<IndexedEquality>().OrderBy(equality => equality.Operands.Length).FirstOrDefault(),
        _ => null,
    };
}
