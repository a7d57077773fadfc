using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>Takes messages at no cost, one in a call as Ably does: what is left is the outbox's own.</summary>
internal sealed class CountingTarget : IMessageTarget
{
    private long count;

    public string Name => "none";

    public IHealthPart Health { get; } = new HealthPart("outbox.none", TimeProvider.System);

    public int MessagesPerCall => 1;

    public long Count => Interlocked.Read(ref count);

    public async Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken)
    {
        await Task.Yield(); // no real target answers on the caller's stack
        Interlocked.Add(ref count, messages.Count);
        return new PublishResult(messages.Count);
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
