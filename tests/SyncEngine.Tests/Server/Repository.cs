namespace SyncEngine.Tests.Server;

/// <summary>The files of the repository, for tests that compare them with one another.</summary>
static class Repository
{
    public static string Root { get; } = Find();

    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    /// <summary>The cells of every table row of a document whose first cell is code.</summary>
    public static IEnumerable<string[]> TableRows(string path) => Read(path)
        .Split('\n')
        .Where(line => line.StartsWith("| `", StringComparison.Ordinal))
        .Select(line => line.Trim('|', ' ').Split('|', StringSplitOptions.TrimEntries));

    private static string Find()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "SyncEngine.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("the tests do not run inside the repository");
        }

        return folder.FullName;
    }
}
