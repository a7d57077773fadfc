namespace SyncEngine.Postgres.Snapshots;

/// <summary>The bounds of one result.</summary>
public sealed record SnapshotOptions
{
    /// <summary>Rows of one result before it is refused as <c>result_too_large</c>. Default 100,000.</summary>
    public int RowsPerResult { get; init; } = 100_000;

    /// <summary>Encoded bytes of one result before it is refused as <c>result_too_large</c>. Default 64 MiB.</summary>
    public long BytesPerResult { get; init; } = 64L * 1024 * 1024;
}
