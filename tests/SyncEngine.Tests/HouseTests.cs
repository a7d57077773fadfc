using System.Text.RegularExpressions;
using System.Xml.Linq;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests;

/// <summary>The two lines of arrows in the house's plan: which project, and inside the engine which room, may know which.</summary>
/// <remarks>
/// Rooms are compared by what their files name as <c>SyncEngine.Room</c>, mostly in using directives: enough to notice an arrow that turns round, not a proof.
/// A room may always know rooms inside itself, and its parents.
/// </remarks>
public sealed partial class HouseTests
{
    /// <summary>What each project may reference. Tests and benchmarks may reference all.</summary>
    private static readonly Dictionary<string, string[]> projects = new(StringComparer.Ordinal)
    {
        ["SyncEngine"] = [],
        ["SyncEngine.Postgres"] = ["SyncEngine"],
        ["SyncEngine.Connectors"] = ["SyncEngine", "SyncEngine.Postgres"],
        ["SyncEngine.Server"] = ["SyncEngine", "SyncEngine.Postgres", "SyncEngine.Connectors"],
    };

    /// <summary>
    /// What each room of the engine may know. No tier knows SQL, which ends at the plan.
    /// </summary>
    private static readonly Dictionary<string, string[]> rooms = new(StringComparer.Ordinal)
    {
        ["Errors"] = [],
        ["Observability"] = [],
        ["Values"] = [],
        ["Changes"] = [],
        ["Catalog"] = ["Values", "Changes"],
        ["Tiers"] = ["Values", "Changes", "Errors"],
        ["Options"] = [],
        ["Sql"] = ["Values", "Errors", "Catalog"],
        ["Permissions"] = ["Values", "Sql", "Errors"],
        ["Ports"] = ["Values", "Changes", "Errors", "Permissions", "Catalog"],
        ["Loop"] = ["Changes", "Errors", "Observability", "Options", "Ports"],
        ["Planning"] = ["Values", "Changes", "Errors", "Catalog", "Permissions", "Ports", "Sql", "Tiers"],
        ["Delivery"] = ["Values", "Changes", "Errors", "Observability", "Options", "Permissions", "Loop", "Tiers"],
        ["LiveQueries"] = ["Values", "Changes", "Errors", "Loop", "Permissions", "Planning", "Ports", "Tiers", "Delivery", "Catalog"],
        ["Subscriptions"] = ["Changes", "Errors", "Loop", "Permissions", "Planning", "LiveQueries", "Delivery"],
        ["SchemaChanges"] = ["Errors", "LiveQueries", "Planning", "Catalog", "Subscriptions"],
    };

    [Fact]
    public void Projects_reference_one_another_in_one_direction()
    {
        foreach (var file in Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories))
        {
            var referenced = Items(file, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')));
            Assert.Empty(referenced.Except(projects[Path.GetFileNameWithoutExtension(file)], StringComparer.Ordinal));
        }
    }

    [Fact]
    public void The_engine_needs_no_package_and_no_framework_but_the_runtime()
    {
        var file = Path.Combine(Repository.Root, "src", "SyncEngine", "SyncEngine.csproj");
        Assert.Empty(Items(file, "PackageReference").Concat(Items(file, "FrameworkReference")));
    }

    [Fact]
    public void Only_the_project_for_Postgres_takes_its_driver_in()
    {
        var users = Directory.GetFiles(Path.Combine(Repository.Root, "src"), "*.csproj", SearchOption.AllDirectories).Where(file => Items(file, "PackageReference").Contains("Npgsql", StringComparer.Ordinal));
        Assert.Equal(["SyncEngine.Postgres"], users.Select(Path.GetFileNameWithoutExtension));
    }

    [Fact]
    public void The_engine_opens_no_socket_and_no_file_and_starts_no_process()
    {
        foreach (var (path, text) in Sources("SyncEngine"))
        {
            Assert.False(Outside().IsMatch(text), $"{path}: {Outside().Match(text).Value}");
        }
    }

    [Fact]
    public void Rooms_of_the_engine_know_only_what_is_below_them()
    {
        var unknown = new List<string>();
        foreach (var (path, text) in Sources("SyncEngine"))
        {
            var own = Path.GetDirectoryName(path)!.Replace(Path.DirectorySeparatorChar, '.');
            if (own.Length == 0)
            {
                continue;
            }

            var allowed = rooms[rooms.Keys.Where(room => IsIn(own, room)).MaxBy(room => room.Length) ?? throw new InvalidOperationException($"the room {own} is not in the plan: decide what it may know")];
            unknown.AddRange(Named().Matches(text)
                .Select(match => match.Groups[1].Value)
                .Where(named => rooms.Keys.Any(room => IsIn(named, room)) && !IsIn(named, own) && !IsIn(own, named) && !allowed.Any(room => IsIn(named, room)) && !IsIn(own, Top(named)))
                .Select(named => $"{path} names {named}"));
        }

        Assert.Empty(unknown);
    }

    private static string Top(string room) => room.Split('.')[0];

    /// <summary>"Sql.Parsing" is in "Sql", and every room is in itself.</summary>
    private static bool IsIn(string room, string outer) =>
        room.StartsWith(outer, StringComparison.Ordinal) && (room.Length == outer.Length || room[outer.Length] == '.');

    private static IEnumerable<string> Items(string project, string kind) => XDocument.Load(project).Descendants(kind).Select(item => item.Attribute("Include")!.Value);

    private static IEnumerable<(string Path, string Text)> Sources(string project)
    {
        var folder = Path.Combine(Repository.Root, "src", project);
        return Directory.GetFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(folder, file))
            .Where(path => !path.StartsWith("obj", StringComparison.Ordinal) && !path.StartsWith("bin", StringComparison.Ordinal))
            .Select(path => (path, File.ReadAllText(Path.Combine(folder, path))));
    }

    [GeneratedRegex(@"(?<!namespace )\bSyncEngine\.([A-Z]\w*(?:\.[A-Z]\w*)?)", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Named();

    [GeneratedRegex(@"\bSystem\.(IO|Net|Diagnostics\.Process)\b(?!\.(Pipelines|Hashing))|\b(File|Directory|Process)\.[A-Z]\w+\(|\bnew (FileStream|HttpClient|Socket)\b|\bDateTime(Offset)?\.(Utc)?Now\b|\bTimeProvider\.System\b", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Outside();
}
