namespace SyncEngine.Values.Codecs;

/// <summary>
/// Everything that to_json prints as a string of the type's own text: text, uuid, date, interval, enums, ranges and so on.
/// </summary>
sealed class StringCodec : ColumnCodec
{
    public static readonly StringCodec Instance = new();

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output) => JsonString.Write(text, output);
}
