namespace SyncEngine.Postgres.Embedded;

/// <summary>The log file of an embedded server, which goes on from start to start.</summary>
sealed class ServerLog(string path)
{
    public long Length => File.Exists(path) ? new FileInfo(path).Length : 0;

    public string ReadSince(long position)
    {
        if (!File.Exists(path))
        {
            return "";
        }

        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        stream.Position = Math.Min(position, stream.Length);
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>The last line that says why a server ended; null when there is none.</summary>
    public static string? LastFatalLine(string log) =>
        log.Split('\n').LastOrDefault(
            line => line.Contains("FATAL:", StringComparison.Ordinal) || line.Contains("PANIC:", StringComparison.Ordinal))?.Trim();
}
