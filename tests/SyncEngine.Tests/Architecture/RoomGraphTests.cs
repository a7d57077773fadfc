using Xunit;

namespace SyncEngine.Tests.Architecture;

public sealed class RoomGraphTests
{
    [Fact]
    public void Rooms_that_use_each_other_over_a_third_are_a_circle()
    {
        var graph = new RoomGraph(
        [
            new("P/A/One.cs", "using P.B;\nnamespace P.A;\nclass One(Two two);"),
            new("P/B/Two.cs", "using P.C;\nnamespace P.B;\nclass Two(Three three);"),
            new("P/C/Three.cs", "using P.A;\nnamespace P.C;\nclass Three(One one);"),
            new("P/D/Four.cs", "using P.A;\nnamespace P.D;\nclass Four(One one);"),
        ]);

        Assert.Equal(["P/A P/B P/C"], graph.Circles().Select(circle => string.Join(' ', circle)));
        Assert.Equal(["One in Four.cs"], graph.UsesOf("P/D")["P/A"]);
    }

    [Fact]
    public void Comments_and_strings_use_nothing()
    {
        var graph = new RoomGraph(
        [
            new("P/A/One.cs", "using P.B;\nnamespace P.A;\n/// <see cref=\"Two\"/>\nclass One { string a = \"Two\"; string b = \"\"\"Two\"\"\"; }"),
            new("P/B/Two.cs", "namespace P.B;\nclass Two;"),
        ]);

        Assert.Empty(graph.UsesOf("P/A"));
    }

    [Fact]
    public void A_folder_and_its_subfolder_are_one_family_and_a_project_is_none()
    {
        var graph = new RoomGraph(
        [
            new("P/A/One.cs", "using P.A.B;\nnamespace P.A;\nclass One(Two two);"),
            new("P/A/B/Two.cs", "namespace P.A.B;\nclass Two(One one, Root root);"),
            new("P/Root.cs", "using P.A.B;\nnamespace P;\nclass Root(Two two);"),
        ]);

        Assert.Equal(["P P/A/B"], graph.Circles().Select(circle => string.Join(' ', circle)));
    }
}
