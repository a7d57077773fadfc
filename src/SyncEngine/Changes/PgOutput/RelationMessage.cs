using System.Collections.Immutable;
using System.Text;

namespace SyncEngine.Changes.PgOutput;

/// <summary>Relation: sent before a table's first change on a connection, and again when its definition has changed.</summary>
public static class RelationMessage
{
    private const byte KeyFlag = 1;

    public static Relation Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Relation);
        var oid = cursor.UInt32();
        var schema = Encoding.UTF8.GetString(cursor.CString());
        var name = Encoding.UTF8.GetString(cursor.CString());
        var identity = Identity(cursor.Byte());
        var columnCount = cursor.Int16();
        if (columnCount < 0)
        {
            throw new MalformedMessageException((byte)MessageKind.Relation, $"it has {columnCount} columns");
        }

        var columns = ImmutableArray.CreateBuilder<RelationColumn>(columnCount);
        for (var i = 0; i < columnCount; i++)
        {
            var isKey = (cursor.Byte() & KeyFlag) != 0;
            columns.Add(new RelationColumn(Encoding.UTF8.GetString(cursor.CString()), cursor.UInt32(), cursor.Int32(), isKey));
        }

        cursor.ExpectEnd();
        // An empty schema name stands for pg_catalog.
        return new Relation(oid, schema.Length == 0 ? "pg_catalog" : schema, name, identity, columns.MoveToImmutable());
    }

    private static ReplicaIdentity Identity(byte letter) => letter switch
    {
        (byte)'d' => ReplicaIdentity.Default,
        (byte)'n' => ReplicaIdentity.Nothing,
        (byte)'f' => ReplicaIdentity.Full,
        (byte)'i' => ReplicaIdentity.Index,
        _ => throw new MalformedMessageException((byte)MessageKind.Relation, $"its replica identity is 0x{letter:X2}"),
    };
}

/// <summary>Type: the name of a type that is not built in, sent before the relation that uses it.</summary>
public sealed record TypeMessage(uint Oid, string Schema, string Name)
{
    public static TypeMessage Parse(ReadOnlySpan<byte> message)
    {
        var cursor = new MessageCursor(message, MessageKind.Type);
        var oid = cursor.UInt32();
        var schema = Encoding.UTF8.GetString(cursor.CString());
        var type = new TypeMessage(oid, schema.Length == 0 ? "pg_catalog" : schema, Encoding.UTF8.GetString(cursor.CString()));
        cursor.ExpectEnd();
        return type;
    }
}
