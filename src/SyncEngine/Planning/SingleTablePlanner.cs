using System.Collections.Immutable;
using System.Diagnostics;
using SyncEngine.Catalog;
using SyncEngine.Changes;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Syntax;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>Converts a bound single-table query into the tier's plan: predicates over plain columns, which contain no SQL.</summary>
sealed class SingleTablePlanner
{
    private readonly BoundSelect select;
    private readonly List<Column> needed = [];

    private SingleTablePlanner(BoundSelect select) => this.select = select;

    /// <param name="literals">Canonical texts of the operands that are literals, by operand.</param>
    /// <returns>Null when the result leaves out a column of the replica identity.</returns>
    public static SingleTablePlan? TryPlan(BoundSelect select, IReadOnlyDictionary<int, byte[]?> literals)
    {
        var planner = new SingleTablePlanner(select);
        var table = select.Table;
        var output = select.Output.Select(column => planner.Need(table.Columns[column.Ordinal])).ToImmutableArray();
        // FULL identifies rows by all columns; the primary key, when there is one, identifies them as well.
        var identity = table.Identity == ReplicaIdentity.Full ? table.PrimaryKey : table.IdentityColumns;
        var key = identity.Select(number => planner.needed.FindIndex(column => column.Number == number)).ToImmutableArray();
        if (key.IsEmpty || key.Contains(-1))
        {
            return null;
        }

        var predicate = select.Where is { } where ? planner.Convert(where) : new Constant(Truth.True);
        return new SingleTablePlan(
            table.Oid,
            planner.TemplateKey(key),
            new RowProjection(
                [.. planner.needed.Select(column => new StreamedColumn(column.Name, column.Type, column.TypeModifier))], output, key),
            new RowFilter(predicate, Indexed(predicate), [.. select.Operands.Select((operand, i) => OperandOf(operand, i, literals))]));
    }

    private static Operand OperandOf(BoundOperand operand, int index, IReadOnlyDictionary<int, byte[]?> literals) =>
        operand.Source is ParameterSource parameter ? new Operand(parameter.Number - 1, null) : new Operand(null, literals[index]);

    /// <summary>It contains the types of the streamed columns, because a template outlives a schema version.</summary>
    private string TemplateKey(ImmutableArray<int> key)
    {
        var columns = string.Concat(needed.Select(column => $"|{column.Name}:{column.Type.Oid}:{column.TypeModifier}"));
        return $"{TemplateKeyWriter.Write(select)}{columns}#{string.Join(',', key)}";
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

    private Predicate Convert(BoundPredicate bound) => bound switch
    {
        ConstantPredicate constant =>
            new Constant(constant.Value switch { true => Truth.True, false => Truth.False, null => Truth.Unknown }),
        ColumnPredicate column => new BooleanColumn(ColumnOf(column.Column)),
        ComparePredicate compare =>
            new Comparison(ColumnOf(compare.Column), OperatorOf(compare.Operator), compare.Operand, ComparerOf(compare.Column)),
        InPredicate inList => new InList(ColumnOf(inList.Column), inList.Operands, IsNegated: false, ComparerOf(inList.Column)),
        IsNullPredicate isNull => new NullTest(ColumnOf(isNull.Column), IsNegated: false),
        DistinctPredicate distinct => new DistinctFrom(ColumnOf(distinct.Column), distinct.Operand, ComparerOf(distinct.Column)),
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

    private ValueComparer ComparerOf(short number) =>
        ValueComparer.For(Find(number).Type) ?? throw new UnreachableException($"column {number} was bound without a comparer");

    private Column Find(short number) => select.Table.Columns.First(column => column.Number == number);

    private static ComparisonOperator OperatorOf(ComparisonKind kind) => kind switch
    {
        ComparisonKind.Equal => ComparisonOperator.Equal,
        ComparisonKind.NotEqual => ComparisonOperator.NotEqual,
        ComparisonKind.Less => ComparisonOperator.Less,
        ComparisonKind.Greater => ComparisonOperator.Greater,
        ComparisonKind.LessOrEqual => ComparisonOperator.LessOrEqual,
        ComparisonKind.GreaterOrEqual => ComparisonOperator.GreaterOrEqual,
        _ => throw new UnreachableException(kind.ToString()),
    };

    /// <summary>An equality without which the condition cannot be true: the condition itself, or a term of its AND.</summary>
    private static IndexedEquality? Indexed(Predicate predicate) => predicate switch
    {
        Comparison { Operator: ComparisonOperator.Equal } equal => new IndexedEquality(equal.Column, [equal.Operand], equal.Comparer),
        InList { IsNegated: false } inList => new IndexedEquality(inList.Column, inList.Operands, inList.Comparer),
        And and => and.Terms.Select(Indexed).OfType<IndexedEquality>().OrderBy(equality => equality.Operands.Length).FirstOrDefault(),
        _ => null,
    };
}
