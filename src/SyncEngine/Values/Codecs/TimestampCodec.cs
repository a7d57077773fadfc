namespace SyncEngine.Values.Codecs;

/// <summary>
/// timestamp and timestamptz: <c>2020-01-02 03:04:05.6+00 BC</c> becomes <c>"2020-01-02T03:04:05.6+00:00 BC"</c>; the infinities do not
/// change.
/// </summary>
sealed class TimestampCodec : ColumnCodec
{
    public static readonly TimestampCodec Instance = new();

    public override void Write(ReadOnlySpan<byte> text, Utf8Buffer output)
    {
        output.Append((byte)'"');
        var space = text.IndexOf((byte)' ');
        if (space < 0)
        {
            output.Append(text);
        }
        else
        {
            output.Append(text[..space]);
            output.Append((byte)'T');
            WriteTime(text[(space + 1)..], output);
        }

        output.Append((byte)'"');
    }

    // An offset of whole hours is written +00 in DateStyle ISO and +00:00 in to_json.
    private static void WriteTime(ReadOnlySpan<byte> time, Utf8Buffer output)
    {
        var sign = time.IndexOfAny((byte)'+', (byte)'-');
        var afterHours = sign + 3;
        if (sign < 0 || (afterHours < time.Length && time[afterHours] == (byte)':'))
        {
            output.Append(time);
            return;
        }

        output.Append(time[..afterHours]);
        output.Append(":00"u8);
        output.Append(time[afterHours..]);
    }
}
