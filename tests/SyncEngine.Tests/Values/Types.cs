using SyncEngine.Values;

namespace SyncEngine.Tests.Values;

/// <summary>Types as the catalog would describe them.</summary>
static class Types
{
    public static SqlType Base(uint oid, string name = "some", bool hasJsonCast = false, char delimiter = ',') =>
        new(oid, "pg_catalog", name, SqlTypeKind.Base, null, [], [], hasJsonCast, delimiter);

    public static SqlType ArrayOf(SqlType element) =>
        new(90_000 + element.Oid, "pg_catalog", element.Name + "[]", SqlTypeKind.Array, element, [], [], false, element.Delimiter);

    public static SqlType DomainOver(SqlType type) =>
        new(91_000, "public", "some_domain", SqlTypeKind.Domain, type, [], [], false, type.Delimiter);

    public static SqlType Of(SqlTypeKind kind) => new(92_000, "public", "own", kind, null, [], [], false, ',');
}
