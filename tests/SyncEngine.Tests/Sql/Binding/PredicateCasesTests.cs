using System.Reflection;
using SyncEngine.Sql.Binding;
using SyncEngine.Sql.Syntax;
using Xunit;

namespace SyncEngine.Tests.Sql.Binding;

public sealed class PredicateCasesTests
{
    /// <summary>Every switch over predicates or expressions must know each of these; a new one has to be added here and there.</summary>
    [Fact]
    public void The_closed_sets_hold_what_the_switches_know()
    {
        Assert.Equal(
            ["AndPredicate", "ColumnPredicate", "ComparePredicate", "ConstantPredicate", "DistinctPredicate", "InPredicate", "IsNullPredicate", "NotPredicate", "OrPredicate", "TruthPredicate"],
            SubtypesOf(typeof(Predicate)));
        Assert.Equal(
            ["Between", "BooleanLiteral", "Cast", "ColumnReference", "Comparison", "Conjunction", "Disjunction", "DistinctTest", "InList", "Not", "NullLiteral", "NullTest", "NumberLiteral", "ParameterReference", "StringLiteral", "TruthTest"],
            SubtypesOf(typeof(Expression)));
    }

    private static IEnumerable<string> SubtypesOf(Type type) =>
        Assembly.GetAssembly(type)!.GetTypes().Where(candidate => candidate.IsSubclassOf(type)).Select(candidate => candidate.Name).Order(StringComparer.Ordinal);
}
