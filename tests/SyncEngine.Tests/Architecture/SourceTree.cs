using SyncEngine.Tests.Server;

namespace SyncEngine.Tests.Architecture;

/// <summary>The C# files of <c>src</c>, in every project, root files included.</summary>
static class SourceTree
{
    public static string Folder { get; } = Path.Combine(Repository.Root, "src");

    public static IReadOnlyList<SourceFile> Files { get; } =
    [
        .. Directory.GetFiles(Folder, "*.cs", SearchOption.AllDirectories)
            .Select(file => Path.GetRelativePath(Folder, file).Replace(Path.DirectorySeparatorChar, '/'))
            .Where(path => !path.Split('/').Any(part => part is "bin" or "obj"))
            .Order(StringComparer.Ordinal)
            .Select(path => new SourceFile(path, File.ReadAllText(Path.Combine(Folder, path)))),
    ];
}
