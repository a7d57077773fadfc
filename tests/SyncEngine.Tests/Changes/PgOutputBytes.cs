using System.Buffers.Binary;
using System.Text;
using SyncEngine.Changes;
using Xunit;

namespace SyncEngine.Tests.Changes;

/// <summary>Builds pgoutput messages as the server does.</summary>
internal static class PgOutputBytes
{
    /// <summary>Stands for an unchanged out-of-line value in <see cref="Tuple"/>.</summary>
    public const string Unchanged = "\0unchanged";

    public static byte[] Begin(ulong commitLsn, uint xid, long time = 5) => [(byte)'B', .. Int64((long)commitLsn), .. Int64(time), .. Int32((int)xid)];

    public static byte[] Commit(ulong commitLsn, ulong endLsn, long time = 5) => [(byte)'C', 0, .. Int64((long)commitLsn), .. Int64((long)endLsn), .. Int64(time)];

    public static byte[] Relation(uint oid, string schema, string name, char identity, params (string Name, bool IsKey, uint Type, int Modifier)[] columns) =>
    [
        (byte)'R', .. Int32((int)oid), .. Text(schema), .. Text(name), (byte)identity, .. Int16(columns.Length),
        .. columns.SelectMany(c => (byte[])[c.IsKey ? (byte)1 : (byte)0, .. Text(c.Name), .. Int32((int)c.Type), .. Int32(c.Modifier)]),
    ];

    public static byte[] Type(uint oid, string schema, string name) => [(byte)'Y', .. Int32((int)oid), .. Text(schema), .. Text(name)];

    public static byte[] Origin(ulong lsn, string name) => [(byte)'O', .. Int64((long)lsn), .. Text(name)];

    public static byte[] Insert(uint oid, params string?[] values) => [(byte)'I', .. Int32((int)oid), (byte)'N', .. Tuple(values)];

    public static byte[] Update(uint oid, char? oldKind, string?[]? old, string?[] values) =>
        [(byte)'U', .. Int32((int)oid), .. oldKind is { } kind ? [(byte)kind, .. Tuple(old!)] : Array.Empty<byte>(), (byte)'N', .. Tuple(values)];

    public static byte[] Delete(uint oid, char oldKind, params string?[] old) => [(byte)'D', .. Int32((int)oid), (byte)oldKind, .. Tuple(old)];

    public static byte[] Truncate(byte options, params uint[] oids) => [(byte)'T', .. Int32(oids.Length), options, .. oids.SelectMany(oid => Int32((int)oid))];

    public static byte[] Message(bool isTransactional, ulong lsn, string prefix, byte[] content) =>
        [(byte)'M', isTransactional ? (byte)1 : (byte)0, .. Int64((long)lsn), .. Text(prefix), .. Int32(content.Length), .. content];

    public static byte[] Chunk(params byte[][] messages) => [.. messages.SelectMany(message =>
    {
        var length = new byte[ChangeReader.LengthPrefix];
        BinaryPrimitives.WriteInt32LittleEndian(length, message.Length);
        return (byte[])[.. length, .. message];
    })];

    public static byte[] Tuple(params string?[] values) =>
    [
        .. Int16(values.Length),
        .. values.SelectMany(value => value switch
        {
            null => (byte[])[(byte)'n'],
            Unchanged => [(byte)'u'],
            _ => [(byte)'t', .. Int32(Encoding.UTF8.GetByteCount(value)), .. Encoding.UTF8.GetBytes(value)],
        }),
    ];

    /// <summary>A tuple's columns, with <see cref="Unchanged"/> and null as above; null when there is no tuple.</summary>
    public static IEnumerable<string?>? Columns(TupleData tuple)
    {
        if (tuple.IsAbsent)
        {
            return null;
        }

        var slices = new ColumnSlice[tuple.ColumnCount];
        Assert.Equal(slices.Length, tuple.Locate(slices));
        var values = new string?[slices.Length];
        for (var i = 0; i < slices.Length; i++)
        {
            values[i] = slices[i].Kind switch
            {
                ColumnKind.Null => null,
                ColumnKind.Unchanged => Unchanged,
                _ => Encoding.UTF8.GetString(tuple.Text(slices[i])),
            };
        }

        return values;
    }

    private static byte[] Text(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static byte[] Int16(int value)
    {
        var bytes = new byte[2];
        BinaryPrimitives.WriteInt16BigEndian(bytes, (short)value);
        return bytes;
    }

    private static byte[] Int32(int value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] Int64(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }
}
