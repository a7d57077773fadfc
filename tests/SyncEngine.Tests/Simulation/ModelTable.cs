global using ModelState = System.Collections.Immutable.ImmutableDictionary<uint, System.Collections.Immutable.ImmutableSortedDictionary<int, SyncEngine.Tests.Simulation.ModelRow>>;

using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Tests.Changes;
using SyncEngine.Values;

namespace SyncEngine.Tests.Simulation;

/// <summary>A row of a model table; every table has these columns. A body that begins with T is stored out of line.</summary>
sealed record ModelRow(int Id, int? Room, int? Score, string? Body)
{
    public bool IsBodyOutOfLine => Body is ['T', ..];

    public string?[] Texts => [Text(Id), Text(Room), Text(Score), Body];

    private static string? Text(int? value) => value?.ToString(System.Globalization.CultureInfo.InvariantCulture);
}

/// <summary>The change of a row by a transaction, or (both null) of the whole table.</summary>
sealed record ModelChange(ModelTable Table, ModelRow? Old, ModelRow? New)
{
    public bool IsTruncate => Old is null && New is null;

    public ImmutableSortedDictionary<int, ModelRow> ApplyTo(ImmutableSortedDictionary<int, ModelRow> rows)
    {
        if (IsTruncate)
        {
            return rows.Clear();
        }

        rows = Old is null ? rows : rows.Remove(Old.Id);
        return New is null ? rows : rows.Add(New.Id, New);
    }

    /// <summary>As pgoutput would send it.</summary>
    public byte[] Message()
    {
        if (IsTruncate)
        {
            return PgOutputBytes.Truncate(0, Table.Oid);
        }

        if (Old is null)
        {
            return PgOutputBytes.Insert(Table.Oid, New!.Texts);
        }

        var isFull = Table.Identity == ReplicaIdentity.Full;
        var old = isFull ? Old.Texts : [Old.Texts[0], null, null, null];
        if (New is null)
        {
            return PgOutputBytes.Delete(Table.Oid, isFull ? 'O' : 'K', old);
        }

        var texts = New.Texts;
        if (New.IsBodyOutOfLine && New.Body == Old.Body)
        {
            texts[3] = PgOutputBytes.Unchanged;
        }

        return isFull ? PgOutputBytes.Update(Table.Oid, 'O', old, texts)
            : Old.Id != New.Id ? PgOutputBytes.Update(Table.Oid, 'K', old, texts)
            : PgOutputBytes.Update(Table.Oid, null, null, texts);
    }
}

/// <summary>A table of the model database.</summary>
sealed record ModelTable(uint Oid, string Name, ReplicaIdentity Identity)
{
    public static readonly SqlType Int = Values.Types.Base(TypeOid.Int4, "int4");
    public static readonly SqlType Text = Values.Types.Base(TypeOid.Text, "text");

    public byte[] RelationMessage()
    {
        var identity = Identity switch { ReplicaIdentity.Full => 'f', ReplicaIdentity.Index => 'i', _ => 'd' };
        var allKeys = Identity == ReplicaIdentity.Full;
        return PgOutputBytes.Relation(
            Oid, "public", Name, identity, ("id", true, TypeOid.Int4, -1), ("room", allKeys, TypeOid.Int4, -1), ("score", allKeys, TypeOid.Int4, -1), ("body", allKeys, TypeOid.Text, -1));
    }
}
