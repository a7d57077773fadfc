using System.Buffers.Binary;
using System.Text;
using SyncEngine.Changes;
using SyncEngine.Tiers.SingleTable.Predicates;

namespace SyncEngine.Tests.Tiers.SingleTable.Predicates;

/// <summary>Row images as pgoutput sends them, made from text.</summary>
static class Tuples
{
    /// <summary>Stands for an out-of-line value that the UPDATE did not touch.</summary>
    public static readonly string Unchanged = new("unchanged");

    public static byte[] Encode(params string?[] columns)
    {
        var bytes = new List<byte>();
        var number = new byte[4];
        BinaryPrimitives.WriteInt16BigEndian(number, (short)columns.Length);
        bytes.AddRange(number.AsSpan(0, 2));
        foreach (var column in columns)
        {
            if (column is null || ReferenceEquals(column, Unchanged))
            {
                bytes.Add((byte)(column is null ? ColumnKind.Null : ColumnKind.Unchanged));
                continue;
            }

            var text = Encoding.UTF8.GetBytes(column);
            bytes.Add((byte)ColumnKind.Text);
            BinaryPrimitives.WriteInt32BigEndian(number, text.Length);
            bytes.AddRange(number);
            bytes.AddRange(text);
        }

        return [.. bytes];
    }

    public static Truth Evaluate(Predicate predicate, string?[] row, params string?[] operands)
    {
        var tuple = new TupleData(Encode(row));
        var slices = new ColumnSlice[row.Length];
        tuple.Locate(slices);
        var texts = operands.Select(operand => operand is null ? null : Encoding.UTF8.GetBytes(operand)).ToArray();
        return predicate.Evaluate(new RowView(tuple, slices), texts);
    }
}
