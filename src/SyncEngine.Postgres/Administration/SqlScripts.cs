using System.Text.RegularExpressions;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>The files below <c>sql/</c>, carried in the assembly.</summary>
public static partial class SqlScripts
{
    /// <param name="path">Below sql/, such as <c>sync/ack.sql</c>.</param>
    public static string Read(string path)
    {
        using var stream = typeof(SqlScripts).Assembly.GetManifestResourceStream($"sql/{path}")
            ?? throw new InvalidOperationException($"no script sql/{path} in the assembly");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>With psql's variables filled in as psql does: <c>:"name"</c> is a quoted identifier.</summary>
    public static string Read(string path, IReadOnlyDictionary<string, string> identifiers) =>
        Variable().Replace(Read(path), variable => Quoting.Identifier(identifiers[variable.Groups[1].Value]));

    [GeneratedRegex(":\"([a-z_]+)\"", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Variable();
}
