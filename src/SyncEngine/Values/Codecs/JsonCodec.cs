namespace SyncEngine.Values.Codecs;

/// <summary>Text that is JSON already.</summary>
sealed class JsonCodec : ColumnCodec
{
    /// <summary>json and jsonb.</summary>
    public static readonly JsonCodec Native = new(isNative: true);

    /// <summary>Columns that the query converts by to_json itself.</summary>
    public static readonly JsonCodec FromToJson = new(isNative: false);

    private JsonCodec(bool isNative)
    {
        IsNative = isNative;
    }

    public override bool IsNative { get; }

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output) => output.Append(text);
}
