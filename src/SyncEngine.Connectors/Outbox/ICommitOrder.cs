namespace SyncEngine.Connectors.Outbox;

/// <summary>The order of the commits that touched the outbox, as the stream of changes tells it. A help, never a need: without it rows seen together are taken by id.</summary>
public interface ICommitOrder
{
    /// <summary>The commit's place among the others; null when the stream has not passed it (or never will).</summary>
    long? PlaceOf(ulong transactionId);
}
