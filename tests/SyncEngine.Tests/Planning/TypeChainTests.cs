using System.Reflection;
using System.Text.RegularExpressions;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests.Planning;

/// <summary>The links of a subscription's path cannot be made by hand: each is made by one method, which demands the link before.</summary>
public sealed class TypeChainTests
{
    private const BindingFlags Everything =
        BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    [Theory]
    [InlineData(typeof(SelectStatement), "SelectStatement.Parse")]
    [InlineData(typeof(BoundQuery), "BoundQuery.Bind")]
    [InlineData(typeof(AuthorisedQuery), "AuthorisedQuery.AuthoriseAsync", "QueryPlanner.AuthoriseAsync")]
    public void A_link_is_made_by_its_own_method_alone(Type link, params string[] returnedBy)
    {
        Assert.True(link.IsSealed);
        Assert.All(link.GetConstructors(Everything), constructor => Assert.True(constructor.IsPrivate));
        // Neither a setter nor a record's copy lets another method change one.
        Assert.All(link.GetProperties(Everything), property => Assert.True(property.SetMethod?.IsPrivate ?? true, property.Name));
        Assert.All(link.GetFields(Everything), field => Assert.True(field.IsPrivate && (field.IsInitOnly || field.IsLiteral), field.Name));
        Assert.Null(link.GetMethod("<Clone>$"));
        var methods = link.Assembly.GetTypes()
            .SelectMany(type => type.GetMethods(Everything))
            .Where(method => Returns(method, link) && !method.IsSpecialName)
            .Select(method => $"{method.DeclaringType!.Name}.{method.Name}");
        Assert.Equal(returnedBy, methods.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(typeof(BoundQuery), "Bind", typeof(SelectStatement))]
    [InlineData(typeof(AuthorisedQuery), "AuthoriseAsync", typeof(BoundQuery))]
    public void A_link_demands_the_one_before(Type link, string maker, Type before) =>
        Assert.Equal(before, FirstParameterOf(link, maker));

    [Fact]
    public void Plans_are_decided_and_composed_from_authorised_queries()
    {
        Assert.Equal(typeof(AuthorisedQuery), FirstParameterOf(typeof(TierSelector), nameof(TierSelector.SelectAsync)));
        Assert.Equal(typeof(AuthorisedQuery), FirstParameterOf(typeof(QueryPlanner), "Compose"));
    }

    [Fact]
    public void No_other_assembly_can_make_or_change_a_plan()
    {
        Assert.True(typeof(QueryPlan).IsSealed);
        Assert.Empty(typeof(QueryPlan).GetConstructors());
        Assert.All(typeof(QueryPlan).GetProperties(), property => Assert.False(property.SetMethod is { IsPublic: true }, property.Name));
    }

    [Fact]
    public void Only_planning_makes_a_plan()
    {
        var root = Path.Combine(Repository.Root, "src");
        var makers = Directory.GetFiles(root, "*.cs", SearchOption.AllDirectories)
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"\bnew QueryPlan\b", RegexOptions.None, TimeSpan.FromSeconds(1)))
            .Select(file => Path.GetRelativePath(root, file).Replace('\\', '/'));
        Assert.Equal(["SyncEngine/Planning/QueryPlanner.cs"], makers);
    }

    private static Type FirstParameterOf(Type type, string method) => type.GetMethod(method, Everything)!.GetParameters()[0].ParameterType;

    private static bool Returns(MethodInfo method, Type link) =>
        method.ReturnType == link || (method.ReturnType.IsGenericType && method.ReturnType.GetGenericArguments().Contains(link));
}
