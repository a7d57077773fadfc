using System.Collections.Immutable;

namespace SyncEngine.Values;

/// <summary>A row's columns as JSON with commas between, and where each one lies. Reused from row to row.</summary>
sealed class RowContent(ImmutableArray<ColumnCodec> codecs)
{
    private readonly Utf8Buffer buffer = new();
    private readonly int[] ends = new int[codecs.Length];
    private int count;

    /// <summary>The whole row without brackets. Valid until the next <see cref="Clear"/>.</summary>
    public ReadOnlySpan<byte> Json => count == codecs.Length
        ? buffer.Written
        : throw new InvalidOperationException($"a row has {codecs.Length} columns, {count} were added");

    public void Clear()
    {
        buffer.Clear();
        count = 0;
    }

    public void Add(ReadOnlySpan<byte> text, bool isNull)
    {
        if (count > 0)
        {
            buffer.Append((byte)',');
        }

        if (isNull)
        {
            buffer.Append("null"u8);
        }
        else
        {
            codecs[count].Write(text, buffer);
        }

        ends[count++] = buffer.Length;
    }

    public ReadOnlySpan<byte> Column(int index)
    {
        var start = index == 0 ? 0 : ends[index - 1] + 1;
        return buffer.Written[start..ends[index]];
    }
}
