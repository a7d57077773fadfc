namespace SyncEngine.Values;

/// <summary>
/// Converts a row's column texts, from a snapshot or from the stream, to the form that clients get. One per result shape; used by one
/// thread at a time.
/// </summary>
public abstract class RowEncoder
{
    /// <summary>Starts a result. Every read of a whole result calls it first, and again when the read starts over.</summary>
    public virtual void Reset()
    {
    }

    /// <summary>Starts a row.</summary>
    public abstract void Begin();

    /// <summary>Adds the next column: its PostgreSQL text in UTF-8, or NULL.</summary>
    public abstract void Add(ReadOnlySpan<byte> text, bool isNull);

    /// <summary>Ends the row.</summary>
    public abstract EncodedRow End();
}
