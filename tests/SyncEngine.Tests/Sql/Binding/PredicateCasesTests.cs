using System.Reflection;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Syntax;
using Xunit;

namespace SyncEngine.Tests.Sql.Binding;

public sealed class PredicateCasesTests
{
    /// <summary>Every switch over predicates or expressions must handle each of these. A new one is added here and there.</summary>
    [Fact]
    public void The_closed_sets_contain_what_the_switches_handle()
    {
        Assert.Equal(
            [
                "AndPredicate", "ColumnPredicate", "ComparePredicate", "ConstantPredicate", "DistinctPredicate", "InPredicate",
                "IsNullPredicate", "NotPredicate",
                "OrPredicate", "TruthPredicate",
            ],
            SubtypesOf(typeof(BoundPredicate)));
        Assert.Equal(
            [
                "AndExpression", "BetweenExpression", "BooleanLiteral", "CastExpression", "ColumnReference", "ComparisonExpression",
                "DistinctTestExpression",
                "InListExpression", "NotExpression", "NullLiteral", "NullTestExpression", "NumberLiteral", "OrExpression",
                "ParameterReference", "StringLiteral",
                "TruthTestExpression",
            ],
            SubtypesOf(typeof(Expression)));
    }

    private static IEnumerable<string> SubtypesOf(Type type) =>
        Assembly.GetAssembly(type)!.GetTypes()
            .Where(candidate => candidate.IsSubclassOf(type))
            .Select(candidate => candidate.Name)
            .Order(StringComparer.Ordinal);
}
