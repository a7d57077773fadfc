using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Tiers;

/// <summary>The rows of one read, and what is needed to fit them to the stream.</summary>
/// <param name="Rows">As PostgreSQL returned them.</param>
/// <param name="Snapshot">The transactions that they show.</param>
/// <param name="Start">The stream's position when the read began; later changes were noted.</param>
/// <param name="WatchVersion">Transactions of this watch version and later carry all rows of the query's relations.</param>
/// <param name="Commits">The delivered commits that a snapshot may not see yet.</param>
/// <param name="Position">The stream's position now; it has passed the read's upper bound.</param>
readonly record struct ReadRows(
    IReadOnlyList<EncodedRow> Rows, PgSnapshot Snapshot, Lsn Start, long WatchVersion, CommitLog Commits, Lsn Position);

/// <summary>The fit of a read to the stream: the cuts at which its rows are right.</summary>
/// <remarks>
/// The stream has delivered everything up to the read's upper bound, so every visible commit is delivered. The snapshot names the visible
/// ones by transaction id, not by position. The rule and its reasons: docs/decisions/snapshot-to-stream.md.
/// </remarks>
abstract record Fit
{
    private Fit()
    {
    }

    /// <summary>The rows are the query's result at every cut from some point up to and including <paramref name="Cut"/>.</summary>
    /// <param name="IsCurrent">Nothing delivered since has changed what it reads.</param>
    /// <param name="ChangedAt">The last known commit that the rows show: they are right from there on. Null where none is known.</param>
    internal sealed record Fitted(IReadOnlyList<EncodedRow> Rows, Lsn Cut, bool IsCurrent, Lsn? ChangedAt = null) : Fit;

    /// <summary>The snapshot is no prefix of the stream, or lacks rows that the stream will not bring: read again after a moment.</summary>
    internal sealed record Unfit : Fit
    {
        public static readonly Unfit Instance = new();
    }
}
