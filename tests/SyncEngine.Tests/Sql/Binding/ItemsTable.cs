using SyncEngine.Catalog;
using SyncEngine.Changes;
using SyncEngine.Permissions;
using SyncEngine.Values;

namespace SyncEngine.Tests.Sql.Binding;

/// <summary>
/// A table with a column of each kind that binding distinguishes, alone in its schema, and PostgreSQL's description of a query over it.
/// </summary>
static class ItemsTable
{
    public static readonly SqlType Int2 = Type(TypeOid.Int2, "int2");
    public static readonly SqlType Int4 = Type(TypeOid.Int4, "int4");
    public static readonly SqlType Int8 = Type(TypeOid.Int8, "int8");
    public static readonly SqlType Text = Type(TypeOid.Text, "text");
    public static readonly SqlType VarChar = Type(TypeOid.VarChar, "varchar");
    public static readonly SqlType Uuid = Type(TypeOid.Uuid, "uuid");
    public static readonly SqlType Bool = Type(TypeOid.Bool, "bool");
    public static readonly SqlType Numeric = Type(TypeOid.Numeric, "numeric");
    public static readonly SqlType Float8 = Type(TypeOid.Float8, "float8");
    public static readonly SqlType Email = Type(9001, "email") with { Schema = "public", Kind = SqlTypeKind.Domain, Element = Text };

    // attnum 4 was dropped.
    public static readonly Table Items = new(
        16384, "public", "items", 'r', ReplicaIdentity.Default,
        [
            Column(1, "id", Int8),
            Column(2, "room", Int4),
            Column(3, "body", Text),
            Column(5, "label", VarChar, hasByteOrder: false),
            Column(6, "folded", Text, hasByteEquality: false, hasByteOrder: false),
            Column(7, "owner", Uuid),
            Column(8, "done", Bool),
            Column(9, "price", Numeric),
            Column(10, "day", Type(TypeOid.Date, "date")),
            Column(11, "at", Type(TypeOid.Timestamp, "timestamp")),
            Column(12, "seen", Type(TypeOid.TimestampTz, "timestamptz")),
            Column(13, "ratio", Float8),
            Column(14, "made", Int4, isStreamed: false),
            Column(15, "mail", Email),
            Column(16, "small", Int2),
        ],
        [1], [1], [], IsStreamed: true, null, 0, HasRowSecurity: false, 1);

    /// <summary>The description of SELECT id FROM items.</summary>
    public static readonly QueryDescription Description =
        new([], [Described(Items.Columns[0], "id")], [Items.Oid], [], HasRowSecurity: false, ReadsClock: false, HasOpaqueFunctions: false);

    public static DatabaseSchema Schema(Table table) =>
        new(
            Version: 1,
            ServerVersion: 150000,
            new Dictionary<uint, Table> { [table.Oid] = table },
            new Dictionary<uint, SqlType>(),
            SearchPath: ["public"],
            HasForeignOperators: false);

    public static ResultColumn Described(Column column, string label) =>
        new(label, column.Type, -1, Items.Oid, column.Number, IsNullable: true);

    private static Column Column(
        short number, string name, SqlType type, bool isStreamed = true, bool hasByteEquality = true, bool hasByteOrder = true) =>
        new(number, name, type, -1, IsNotNull: false, isStreamed, hasByteEquality, hasByteOrder);

    private static SqlType Type(uint oid, string name) =>
        new(oid, "pg_catalog", name, SqlTypeKind.Base, null, [], [], HasJsonCast: false, ',');
}
