using System.Collections.Immutable;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Catalog;

/// <summary>A row of pg_type, references still by OID.</summary>
readonly record struct TypeRow(
    uint Oid, string Schema, string Name, char Kind, uint Element, uint Base, uint Class, char Delimiter, bool HasJsonCast);

/// <summary>Builds the types from their rows: each once, after the types that it refers to. PostgreSQL forbids recursive types.</summary>
sealed class TypeCatalog(
    IReadOnlyDictionary<uint, TypeRow> rows,
    ILookup<uint, string> enumLabels,
    ILookup<uint, (string Name, uint Type)> attributes)
{
    private readonly Dictionary<uint, SqlType> built = [];

    public Dictionary<uint, SqlType> BuildAll()
    {
        foreach (var oid in rows.Keys)
        {
            TypeOf(oid);
        }

        return built;
    }

    /// <summary>The type; one that is missing from the rows (created or dropped meanwhile) passes its values through.</summary>
    public SqlType TypeOf(uint oid)
    {
        if (built.TryGetValue(oid, out var known))
        {
            return known;
        }

        var type = rows.TryGetValue(oid, out var row)
            ? Build(row)
            : Unknown(oid);
        built[oid] = type;
        return type;
    }

    /// <summary>A type whose row is missing.</summary>
    public static SqlType Unknown(uint oid) =>
        new(oid, "pg_catalog", "unknown", SqlTypeKind.Pseudo, Element: null, [], [], HasJsonCast: false, ',');

    private SqlType Build(TypeRow row)
    {
        if (row.Element != 0)
        {
            var element = TypeOf(row.Element);
            return new SqlType(
                row.Oid, element.Schema, element.Name + "[]", SqlTypeKind.Array, element, [], [], HasJsonCast: false, element.Delimiter);
        }

        var kind = row.Kind switch
        {
            'c' => SqlTypeKind.Composite,
            'd' => SqlTypeKind.Domain,
            'e' => SqlTypeKind.Enum,
            'r' or 'm' => SqlTypeKind.Range,
            'p' => SqlTypeKind.Pseudo,
            _ => SqlTypeKind.Base,
        };
        return new SqlType(
            row.Oid,
            row.Schema,
            row.Name,
            kind,
            kind == SqlTypeKind.Domain ? TypeOf(row.Base) : null,
            kind == SqlTypeKind.Composite ? AttributesOf(row) : [],
            [.. enumLabels[row.Oid]],
            row.HasJsonCast,
            row.Delimiter);
    }

    private ImmutableArray<SqlTypeAttribute> AttributesOf(TypeRow row) =>
        [.. attributes[row.Class].Select(member => new SqlTypeAttribute(member.Name, TypeOf(member.Type)))];
}
