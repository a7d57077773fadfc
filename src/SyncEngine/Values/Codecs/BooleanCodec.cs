namespace SyncEngine.Values.Codecs;

sealed class BooleanCodec : ColumnCodec
{
    public static readonly BooleanCodec Instance = new();

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output) => output.Append(text is [(byte)'t'] ? "true"u8 : "false"u8);
}
