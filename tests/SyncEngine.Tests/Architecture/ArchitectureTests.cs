using System.Text.RegularExpressions;
using System.Xml.Linq;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests.Architecture;

/// <summary>
/// The architecture: which project and which room may use which, and one name for one thing. Every project of <c>src</c> is covered, and
/// there are no
/// exceptions: where a test fails, the code changes.
/// </summary>
public sealed partial class ArchitectureTests
{
    /// <summary>The projects that each project may reference. Tests and benchmarks may reference all.</summary>
    private static readonly Dictionary<string, string[]> projects = new(StringComparer.Ordinal)
    {
        ["SyncEngine"] = [],
        ["SyncEngine.Postgres"] = ["SyncEngine"],
        ["SyncEngine.Connectors"] = ["SyncEngine", "SyncEngine.Postgres"],
        ["SyncEngine.Server"] = ["SyncEngine", "SyncEngine.Postgres", "SyncEngine.Connectors"],
    };

    /// <summary>
    /// The two lines of arrows in docs/ARCHITECTURE.md. A room may use those before it, never one after it, not even over others.
    /// </summary>
    private static readonly string[][] lines =
    [
        ["Values", "Changes", "Tiers", "Delivery", "LiveQueries", "Subscriptions", "SchemaChanges"],
        ["Values", "Changes", "Catalog", "Sql", "Permissions", "Planning", "LiveQueries"],
    ];

    /// <summary>Words that are no term of PostgreSQL or .NET. docs/GLOSSARY.md has the terms to use.</summary>
    private static readonly HashSet<string> bannedWords = new(StringComparer.OrdinalIgnoreCase)
    {
        "tell", "tells", "told", "telling", "look", "looks", "looked", "looking", "door", "doors", "doubt", "doubts", "doubtful",
        "mend", "mends", "mended", "farewell", "trouble", "patience", "news", "whoever", "nobody", "somebody", "goodbye", "tidings",
        "nudge", "nudger", "nudging", "surroundings", "misunderstood",
    };

    private static readonly string[] bannedPhrases = ["KeepHouse", "InTheirWords", "BeOnlyNode"];

    private readonly RoomGraph graph = new(SourceTree.Files);

    [Fact]
    public void Projects_reference_one_another_in_one_direction()
    {
        Expect(
            from file in ProjectFiles()
            let project = Path.GetFileNameWithoutExtension(file)
            from referenced in Items(file, "ProjectReference").Select(path => Path.GetFileNameWithoutExtension(path.Replace('\\', '/')))
            where !projects.TryGetValue(project, out var allowed) || !allowed.Contains(referenced, StringComparer.Ordinal)
            select $"{project} references {referenced}");
    }

    [Fact]
    public void The_engine_needs_no_package_and_no_framework_but_the_runtime()
    {
        var file = Path.Combine(SourceTree.Folder, "SyncEngine", "SyncEngine.csproj");
        Assert.Empty(Items(file, "PackageReference").Concat(Items(file, "FrameworkReference")));
    }

    [Fact]
    public void Only_the_project_for_Postgres_takes_its_driver_in()
    {
        var users = ProjectFiles().Where(file => Items(file, "PackageReference").Contains("Npgsql", StringComparer.Ordinal));
        Assert.Equal(["SyncEngine.Postgres"], users.Select(Path.GetFileNameWithoutExtension));
    }

    [Fact]
    public void The_engine_opens_no_socket_and_no_file_and_starts_no_process()
    {
        Expect(
            from file in SourceTree.Files
            where file.Project == "SyncEngine"
            from match in Outside().Matches(file.Text)
            select $"{file.Path}: {match.Value}");
    }

    [Fact]
    public void No_rooms_use_each_other_in_a_circle()
    {
        Expect(graph.Circles().Select(circle =>
            string.Join(" ⇄ ", circle) + string.Concat(
                from room in circle
                from used in graph.UsesOf(room)
                where circle.Contains(used.Key, StringComparer.Ordinal)
                select $"\n    {room} → {used.Key}: {string.Join(", ", used.Value.Take(5))}")));
    }

    [Fact]
    public void Rooms_of_the_engine_use_only_those_before_them()
    {
        var rooms = SourceTree.Files.Select(file => file.Room).ToHashSet(StringComparer.Ordinal);
        var missing = from room in lines.SelectMany(line => line)
                      where !rooms.Any(known => IsIn(known, room))
                      select $"there is no room {room}";
        var turned = from line in lines
                     from pair in line.SelectMany((before, at) => line.Skip(at + 1), (before, after) => (before, after))
                     from room in rooms.Where(room => IsIn(room, pair.before))
                     from used in graph.UsesOf(room)
                     where IsIn(used.Key, pair.after)
                     select $"{room} → {used.Key}: {string.Join(", ", used.Value)}";
        Expect(missing.Concat(turned));

        static bool IsIn(string room, string top) =>
            room == $"SyncEngine/{top}" || room.StartsWith($"SyncEngine/{top}/", StringComparison.Ordinal);
    }

    [Fact]
    public void A_type_name_exists_once()
    {
        Expect(
            from file in SourceTree.Files
            from type in file.Types
            where type.Name is not ("Log" or "Program")
            group file.Room by type.Name into rooms
            where rooms.Distinct(StringComparer.Ordinal).Count() > 1
            orderby rooms.Key
            select $"{rooms.Key}: {string.Join(", ", rooms.Distinct(StringComparer.Ordinal))}");
    }

    [Fact]
    public void A_type_is_in_one_file()
    {
        Expect(
            from file in SourceTree.Files
            from type in file.Types
            where type.IsPartial && type.Name is not "Log"
            group (file.Path, file.IsGeneratedInPart) by $"{file.Room}/{type.Name}" into files
            where files.Count() > 1 || files.Any(file => !file.IsGeneratedInPart)
            select $"{files.Key}: {string.Join(", ", files.Select(file => file.Path))}");
    }

    [Fact]
    public void A_log_id_is_used_once()
    {
        Expect(
            from file in SourceTree.Files
            from id in file.LogIds
            group file.Path by id into files
            where files.Count() > 1
            select $"{files.Key}: {string.Join(", ", files)}");
    }

    [Fact]
    public void Identifiers_are_of_the_words_of_the_glossary()
    {
        Expect(
            from file in SourceTree.Files
            from name in file.Identifiers
            where CamelWords().Matches(name).Any(word => bannedWords.Contains(word.Value))
                || bannedPhrases.Any(phrase => name.Contains(phrase, StringComparison.OrdinalIgnoreCase))
            orderby file.Path, name
            select $"{file.Path}: {name}");
    }

    [Fact]
    public void Documents_that_are_cited_are_in_the_tree() => Expect(DocumentCitations.Broken());

    /// <summary>Shows all violations, one a line.</summary>
    private static void Expect(IEnumerable<string> violations)
    {
        var lines = violations.Distinct(StringComparer.Ordinal).ToList();
        Assert.True(lines.Count == 0, $"{lines.Count}:\n{string.Join('\n', lines)}");
    }

    private static string[] ProjectFiles() => Directory.GetFiles(SourceTree.Folder, "*.csproj", SearchOption.AllDirectories);

    private static IEnumerable<string> Items(string project, string kind) =>
        XDocument.Load(project).Descendants(kind).Select(item => item.Attribute("Include")!.Value);

    [GeneratedRegex("[A-Z]?[a-z]+|[A-Z]+(?![a-z])", RegexOptions.CultureInvariant, 5000)]
    private static partial Regex CamelWords();

    [GeneratedRegex(
        @"\bSystem\.(IO|Net|Diagnostics\.Process)\b(?!\.(Pipelines|Hashing))|\b(File|Directory|Process)\.[A-Z]\w+\("
            + @"|\bnew (FileStream|HttpClient|Socket)\b|\bDateTime(Offset)?\.(Utc)?Now\b|\bTimeProvider\.System\b",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        5000)]
    private static partial Regex Outside();
}
