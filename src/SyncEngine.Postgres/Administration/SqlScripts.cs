namespace SyncEngine.Postgres.Administration;

/// <summary>The files below <c>sql/</c>, carried in the assembly.</summary>
public static class SqlScripts
{
    /// <param name="path">Below sql/, such as <c>sync/ack.sql</c>.</param>
    public static string Read(string path)
    {
        using var stream = typeof(SqlScripts).Assembly.GetManifestResourceStream($"sql/{path}")
            ?? throw new InvalidOperationException($"no script sql/{path} in the assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
