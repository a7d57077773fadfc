namespace SyncEngine.Values;

/// <summary>Bytes that grow at the end and are reused from row to row. One thread at a time.</summary>
public sealed class Utf8Buffer
{
    private byte[] bytes = new byte[256];

    public int Length { get; private set; }

    /// <summary>Valid until the next append.</summary>
    public ReadOnlySpan<byte> Written => bytes.AsSpan(0, Length);

    /// <summary>Forgets what was written and keeps the memory.</summary>
    public void Clear() => Length = 0;

    public void Append(byte value)
    {
        if (Length == bytes.Length)
        {
            Grow(1);
        }

        bytes[Length++] = value;
    }

    public void Append(ReadOnlySpan<byte> text)
    {
        if (text.Length > bytes.Length - Length)
        {
            Grow(text.Length);
        }

        text.CopyTo(bytes.AsSpan(Length));
        Length += text.Length;
    }

    private void Grow(int atLeast) =>
        Array.Resize(ref bytes, (int)Math.Min(Array.MaxLength, Math.Max((long)Length + atLeast, 2L * bytes.Length)));
}
