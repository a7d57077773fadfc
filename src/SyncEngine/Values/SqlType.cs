using System.Collections.Immutable;

namespace SyncEngine.Values;

/// <summary>pg_type.typtype, and the two kinds that matter beside it.</summary>
public enum SqlTypeKind
{
    Base,
    Array,
    Composite,
    Domain,
    Enum,
    Range,
    Pseudo,
}

/// <summary>A data type as pg_type describes it.</summary>
/// <param name="Name">typname; for an array the element's name and <c>[]</c> (<c>int4[]</c>).</param>
/// <param name="Element">The element type of an array, the base type of a domain.</param>
/// <param name="Attributes">The members of a composite, in order, dropped ones left out.</param>
/// <param name="HasJsonCast">A cast to json exists that <c>to_json</c> would use (hstore and the like).</param>
/// <param name="Delimiter">typdelim of the element type: a comma, for box a semicolon.</param>
public sealed record SqlType(
    uint Oid,
    string Schema,
    string Name,
    SqlTypeKind Kind,
    SqlType? Element,
    ImmutableArray<SqlTypeAttribute> Attributes,
    ImmutableArray<string> EnumLabels,
    bool HasJsonCast,
    char Delimiter)
{
    /// <summary>The name for clients: unqualified for pg_catalog, else schema-qualified.</summary>
    public string DisplayName => Schema == "pg_catalog" ? Name : Schema + "." + Name;

    /// <summary>The type below all domains.</summary>
    public SqlType Underlying => Kind == SqlTypeKind.Domain && Element is not null ? Element.Underlying : this;
}

public sealed record SqlTypeAttribute(string Name, SqlType Type);

/// <summary>The OIDs of built-in types, which PostgreSQL never changes (pg_type.dat).</summary>
public static class TypeOid
{
    public const uint Bool = 16, Bytea = 17, Char = 18, Name = 19, Int8 = 20, Int2 = 21, Int4 = 23, Text = 25, Oid = 26;
    public const uint Json = 114, Float4 = 700, Float8 = 701, Unknown = 705, BpChar = 1042, VarChar = 1043;
    public const uint Date = 1082, Time = 1083, Timestamp = 1114, TimestampTz = 1184, Interval = 1186, TimeTz = 1266;
    public const uint Numeric = 1700, Uuid = 2950, Jsonb = 3802;
}
