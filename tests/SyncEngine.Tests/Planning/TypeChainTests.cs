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
    private const BindingFlags Everything = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    public static TheoryData<Type> Checked => [typeof(SelectStatement), typeof(BoundQuery), typeof(AuthorisedQuery)];

    [Theory]
    [MemberData(nameof(Checked))]
    public void A_link_is_made_by_its_own_method_alone(Type link)
    {
        Assert.True(link.IsSealed);
        Assert.All(link.GetConstructors(Everything), constructor => Assert.True(constructor.IsPrivate));
        // Neither a setter nor a record's copy lets another method change one.
        Assert.All(link.GetProperties(Everything), property => Assert.True(property.SetMethod is null || property.SetMethod.IsPrivate, property.Name));
        Assert.All(link.GetFields(Everything), field => Assert.True(field.IsPrivate && (field.IsInitOnly || field.IsLiteral), field.Name));
        Assert.Null(link.GetMethod("<Clone>$"));
        var makers = link.Assembly.GetTypes().SelectMany(type => type.GetMethods(Everything)).Where(method => Makes(method.ReturnType, link) && !method.IsSpecialName);
        Assert.Equal(
            link == typeof(AuthorisedQuery) ? ["AuthorisedQuery.AuthoriseAsync", "QueryPlanner.AuthoriseAsync"] : [link == typeof(BoundQuery) ? "BoundQuery.Bind" : "SelectStatement.Parse"],
            makers.Select(method => $"{method.DeclaringType!.Name}.{method.Name}").Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData(typeof(BoundQuery), "Bind", typeof(SelectStatement))]
    [InlineData(typeof(AuthorisedQuery), "AuthoriseAsync", typeof(BoundQuery))]
    public void A_link_demands_the_one_before(Type link, string maker, Type before) =>
        Assert.Equal(before, link.GetMethod(maker)!.GetParameters()[0].ParameterType);

    [Fact]
    public void Plans_are_decided_and_composed_from_authorised_queries()
    {
        Assert.Equal(typeof(AuthorisedQuery), typeof(TierSelector).GetMethod(nameof(TierSelector.SelectAsync))!.GetParameters()[0].ParameterType);
        Assert.Equal(typeof(AuthorisedQuery), typeof(QueryPlanner).GetMethod("Compose", Everything)!.GetParameters()[0].ParameterType);
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

    private static bool Makes(Type returned, Type link) =>
        returned == link || (returned.IsGenericType && returned.GetGenericArguments().Contains(link));
}
