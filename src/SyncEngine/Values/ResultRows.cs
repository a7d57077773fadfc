namespace SyncEngine.Values;

/// <summary>A row as a client gets it: its key, and its whole JSON array.</summary>
/// <param name="Json">UTF-8, e.g. <c>["1","hi"]</c>. Shared, never changed.</param>
public readonly record struct EncodedRow(RowKey Key, byte[] Json);

/// <summary>A result's rows in the order in which PostgreSQL returned them.</summary>
public sealed class ResultRows(List<EncodedRow> rows, long bytes)
{
    public List<EncodedRow> Rows { get; } = rows;

    public long Bytes { get; } = bytes;
}
