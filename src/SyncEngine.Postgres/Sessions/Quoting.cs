using SyncEngine.Values;

namespace SyncEngine.Postgres.Sessions;

/// <summary>Names and literals as SQL, for statements that take no parameters (SET, LOCK, LISTEN, PREPARE, DDL).</summary>
public static class Quoting
{
    public static string Identifier(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    public static string Identifier(string schema, string name) => $"{Identifier(schema)}.{Identifier(name)}";

    /// <summary>Has the same meaning with either value of <c>standard_conforming_strings</c>.</summary>
    public static string Literal(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        var quoted = $"'{text.Replace("'", "''", StringComparison.Ordinal)}'";
        return text.Contains('\\', StringComparison.Ordinal) ? "E" + quoted.Replace(@"\", @"\\", StringComparison.Ordinal) : quoted;
    }

    internal static string TypeName(SqlType type) =>
        type is { Kind: SqlTypeKind.Array, Element: { } element } ? TypeName(element) + "[]" : Identifier(type.Schema, type.Name);
}
