using System.Text.RegularExpressions;
using SyncEngine.Tests.Server;

namespace SyncEngine.Tests.Architecture;

/// <summary>The files and folders that documents and source files cite.</summary>
static partial class DocumentCitations
{
    /// <summary>
    /// A line for each citation, in <c>src</c>, <c>docs</c> and the documents of the root, of a file that is not in the tree.
    /// </summary>
    public static IEnumerable<string> Broken()
    {
        var documents = Directory.GetFiles(Repository.Root, "*.md")
            .Concat(Directory.GetFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories));
        var sources = SourceTree.Files.Select(source => Path.Combine(SourceTree.Folder, source.Path));
        foreach (var file in documents.Concat(sources).Order(StringComparer.Ordinal))
        {
            var text = File.ReadAllText(file);
            var cited = Paths().Matches(text).Concat(Documents().Matches(text)).Select(match => match.Value.TrimEnd('.', '/'));
            foreach (var path in cited.Distinct(StringComparer.Ordinal).Where(path => !Exists(path, Path.GetDirectoryName(file)!)))
            {
                yield return $"{Path.GetRelativePath(Repository.Root, file)} cites {path}";
            }
        }
    }

    /// <summary>A document may be cited relative to the root, to <c>docs</c>, or to the file that cites it.</summary>
    private static bool Exists(string path, string folder) => new[] { Repository.Root, Path.Combine(Repository.Root, "docs"), folder }
        .Any(from => Path.Exists(Path.Combine(from, path)));

    [GeneratedRegex(
        @"(?<![\w./:@-])(src/SyncEngine|(tests|docs|sql|benchmarks|client-ts)/)[\w./-]*\w",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture,
        5000)]
    private static partial Regex Paths();

    [GeneratedRegex(@"(?<![\w/:@.-])(\.{1,2}/)*([\w-]+/)*[\w-]+\.md\b", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Documents();
}
