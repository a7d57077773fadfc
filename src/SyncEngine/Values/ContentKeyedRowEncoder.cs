using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;

namespace SyncEngine.Values;

/// <summary>
/// Encodes rows of a result without a natural key: a first column <c>$row</c> that follows from the row's content identifies it.
/// </summary>
/// <remarks>
/// <c>$row</c> is 128 bits of the content's SHA-256 in base64url; the second equal row of one result has <c>.2</c> after it, the third
/// <c>.3</c>. So reading the same rows again gives the same keys, in whatever order they come.
/// Memory: 20-odd bytes for each distinct row since <see cref="Reset"/>.
/// </remarks>
/// <param name="codecs">One per column of the query, <c>$row</c> left out.</param>
public sealed class ContentKeyedRowEncoder(ImmutableArray<ColumnCodec> codecs) : RowEncoder
{
    private const int HashBytes = 16;

    private readonly RowContent content = new(codecs);
    private readonly Dictionary<UInt128, int> occurrences = [];

    public override void Reset() => occurrences.Clear();

    public override void Begin() => content.Clear();

    public override void Add(ReadOnlySpan<byte> text, bool isNull) => content.Add(text, isNull);

    public override EncodedRow End()
    {
        var columns = content.Json;
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(columns, hash);
        hash = hash[..HashBytes];

        var key = Key(hash, CountOccurrence(BinaryPrimitives.ReadUInt128LittleEndian(hash)));
        byte[] json = columns.IsEmpty ? key : [.. key.AsSpan(0, key.Length - 1), (byte)',', .. columns, (byte)']'];
        return new EncodedRow(new RowKey(key), json);
    }

    private int CountOccurrence(UInt128 hash)
    {
        ref var count = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(occurrences, hash, out _);
        return ++count;
    }

    private static byte[] Key(ReadOnlySpan<byte> hash, int occurrence)
    {
        Span<byte> text = stackalloc byte[48];
        "[\""u8.CopyTo(text);
        var length = 2 + Base64Url.EncodeToUtf8(hash, text[2..]);
        if (occurrence > 1)
        {
            text[length++] = (byte)'.';
            occurrence.TryFormat(text[length..], out var digits, provider: CultureInfo.InvariantCulture);
            length += digits;
        }

        "\"]"u8.CopyTo(text[length..]);
        return text[..(length + 2)].ToArray();
    }
}
