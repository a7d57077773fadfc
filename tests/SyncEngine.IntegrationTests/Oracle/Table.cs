using System.Collections.Immutable;

namespace SyncEngine.IntegrationTests.Oracle;

enum Identity
{
    /// <summary>The primary key, by default.</summary>
    PrimaryKey,

    /// <summary>The whole row, and there is a primary key.</summary>
    FullWithKey,

    /// <summary>The whole row, and the primary key is checked at commit only: two rows may share a key for a while.</summary>
    FullWithDeferredKey,

    /// <summary>The whole row; there is no key.</summary>
    Full,

    /// <summary>A unique index; there is no primary key.</summary>
    Index,
}

enum TableShape
{
    Plain,

    /// <summary>By hash of the first key column, or of the first column, in two leaves.</summary>
    Partitioned,

    /// <summary>With a child that inherits from it and has a key of its own: the parent's rows may share keys with the child's.</summary>
    Inherited,
}

/// <summary>A column and the few values that it takes.</summary>
sealed record Column(string Name, ColumnType Type, bool IsNotNull);

/// <summary>A generated table.</summary>
/// <param name="Key">The leading columns that identify a row; zero for none.</param>
sealed record Table(int Number, TableShape Shape, Identity Identity, int KeyLength, ImmutableArray<Column> Columns)
{
    public string Name => $"t{Number}";

    public IEnumerable<Column> Key => Columns.Take(KeyLength);

    public bool HasKey => KeyLength > 0;

    /// <summary>Every statement that touches it may be confined to single keys.</summary>
    public bool HasSingleKeys => HasKey && Shape != TableShape.Inherited && Identity != Identity.FullWithDeferredKey;

    /// <summary>The tables that an INSERT may name.</summary>
    public ImmutableArray<string> InsertTargets => Shape == TableShape.Inherited ? [Name, Name + "_child"] : [Name];

    private IEnumerable<string> Leaves => Shape switch
    {
        TableShape.Partitioned => [Name + "_0", Name + "_1"],
        TableShape.Inherited => [Name, Name + "_child"],
        _ => [Name],
    };

    public IEnumerable<string> SetupSql
    {
        get
        {
            var keyColumns = string.Join(", ", Key.Select(column => column.Name));
            var columns = string.Join(", ", Columns.Select(column => $"{column.Name} {column.Type.Sql}{(column.IsNotNull ? " NOT NULL" : "")}"));
            var key = Identity switch
            {
                Identity.PrimaryKey or Identity.FullWithKey => $", PRIMARY KEY ({keyColumns})",
                Identity.FullWithDeferredKey => $", PRIMARY KEY ({keyColumns}) DEFERRABLE INITIALLY DEFERRED",
                _ => "",
            };
            yield return $"CREATE TABLE {Name} ({columns}{key}){(Shape == TableShape.Partitioned ? $" PARTITION BY HASH ({Columns[0].Name})" : "")}";
            if (Shape == TableShape.Partitioned)
            {
                yield return $"CREATE TABLE {Name}_0 PARTITION OF {Name} FOR VALUES WITH (MODULUS 2, REMAINDER 0)";
                yield return $"CREATE TABLE {Name}_1 PARTITION OF {Name} FOR VALUES WITH (MODULUS 2, REMAINDER 1)";
            }

            if (Shape == TableShape.Inherited)
            {
                yield return $"CREATE TABLE {Name}_child ({key.TrimStart(',', ' ')}) INHERITS ({Name})";
            }

            foreach (var leaf in Leaves)
            {
                if (Identity is Identity.Full or Identity.FullWithKey or Identity.FullWithDeferredKey)
                {
                    yield return $"ALTER TABLE {leaf} REPLICA IDENTITY FULL";
                }

                if (Identity == Identity.Index)
                {
                    yield return $"CREATE UNIQUE INDEX {leaf}_identity ON {leaf} ({keyColumns})";
                    yield return $"ALTER TABLE {leaf} REPLICA IDENTITY USING INDEX {leaf}_identity";
                }

                foreach (var column in Columns.Where(column => column.Type.IsLarge))
                {
                    // Out of line as it is, so that an UPDATE leaves it out of the stream.
                    yield return $"ALTER TABLE {leaf} ALTER COLUMN {column.Name} SET STORAGE EXTERNAL";
                }
            }
        }
    }
}
