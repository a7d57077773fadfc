namespace SyncEngine.Connectors.Outbox;

/// <summary>
/// The order in which outbox rows were committed, as the stream of changes tells it. A help, never a need: without it rows that are seen together for the first
/// time are taken by id.
/// </summary>
public interface ICommitOrder
{
    /// <summary>Raised when the stream passes a commit that touched the outbox: a wake-up.</summary>
    event Action? Committed;

    /// <summary>Another value when commits may have been missed in between; null while the stream does not tell the outbox's commits.</summary>
    long? Epoch { get; }

    /// <summary>The place of the commit that inserted the row; null when the stream has not passed it, or passed it long ago.</summary>
    long? PlaceOf(long sequenceId);

    /// <summary>From now on the order of the rows of this relation is told; whatever is known of another is forgotten.</summary>
    Task FollowAsync(uint relationOid, CancellationToken cancellationToken);

    /// <summary>Until all these rows have a place, or patience ends.</summary>
    Task WaitForAsync(IReadOnlyCollection<long> sequenceIds, TimeSpan patience, TimeProvider time, CancellationToken cancellationToken);
}
