using System.Text.Json;
using SyncEngine.Tests.Server;

namespace SyncEngine.Tests.Protocol;

/// <summary>The samples below docs/protocol. The tests of the TypeScript client read the same files.</summary>
static class Samples
{
    public static IReadOnlyList<string> Frames { get; } = Names("frames");

    public static IReadOnlyList<string> Bodies { get; } = Names("bodies");

    /// <summary>The text of a sample, without the newline at its end.</summary>
    public static string Frame(string name) => Read("frames", name);

    public static string Body(string name) => Read("bodies", name);

    /// <summary>JSON without white space between its tokens, so that a sample may be laid out for readers.</summary>
    public static string Compact(string json)
    {
        using var document = JsonDocument.Parse(json);
        return JsonSerializer.Serialize(document.RootElement);
    }

    private static string Read(string folder, string name) => Repository.Read($"docs/protocol/{folder}/{name}.json").TrimEnd('\n');

    private static List<string> Names(string folder) =>
        [.. Directory.GetFiles(Path.Combine(Repository.Root, "docs", "protocol", folder), "*.json").Select(path => Path.GetFileNameWithoutExtension(path)).Order(StringComparer.Ordinal)];
}
