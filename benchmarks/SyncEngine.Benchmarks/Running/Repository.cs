namespace SyncEngine.Benchmarks.Running;

/// <summary>The paths of the project's files.</summary>
internal static class Repository
{
    public static string Root { get; } = Find();

    /// <summary>The server as built beside this program, in the same configuration.</summary>
    public static string ServerAssembly { get; } = Path.Combine(
        Root, "src", "SyncEngine.Server", "bin", Path.GetFileName(Path.GetDirectoryName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar)))!, "net10.0", "SyncEngine.Server.dll");

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "SyncEngine.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException("run the benchmarks out of the project's folder");
    }
}
