using SyncEngine.Values;

namespace SyncEngine.Postgres.Sessions;

/// <summary>Names and literals as SQL. For statements that take no parameters (SET, LOCK, PREPARE).</summary>
static class SqlText
{
    public static string Identifier(string name) => "\"" + name.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";

    public static string Identifier(string schema, string name) => Identifier(schema) + "." + Identifier(name);

    /// <summary>Means the same whatever <c>standard_conforming_strings</c> says.</summary>
    public static string Literal(string text)
    {
        var quoted = "'" + text.Replace("'", "''", StringComparison.Ordinal) + "'";
        return text.Contains('\\', StringComparison.Ordinal) ? "E" + quoted.Replace(@"\", @"\\", StringComparison.Ordinal) : quoted;
    }

    public static string TypeName(SqlType type) =>
        type is { Kind: SqlTypeKind.Array, Element: { } element } ? TypeName(element) + "[]" : Identifier(type.Schema, type.Name);
}
