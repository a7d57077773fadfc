namespace SyncEngine.Connectors.Outbox;

/// <summary>The order in which outbox rows were committed, from the stream of changes.</summary>
/// <remarks>It is optional. Without it, the rows that one poll sees for the first time are taken in order of id.</remarks>
public interface ICommitOrder
{
    /// <summary>Raised when the stream passes a commit that touched the outbox: a wake-up.</summary>
    event Action? Committed;

    /// <summary>Changes when commits may have been missed in between. Null while the stream does not report the outbox's commits.</summary>
    long? Epoch { get; }

    /// <summary>The place of the commit that inserted the row; null when the stream has not passed it, or its place is forgotten.</summary>
    long? PlaceOf(long sequenceId);

    /// <summary>Follows the rows of this relation from now on, and those of no other.</summary>
    Task FollowAsync(uint relationOid, CancellationToken cancellationToken);

    /// <summary>Waits until all these rows have a place, but no longer than the timeout.</summary>
    Task WaitForAsync(IReadOnlyCollection<long> sequenceIds, TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken);
}
