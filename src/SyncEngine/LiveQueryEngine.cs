using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Subscriptions;

namespace SyncEngine;

/// <summary>The engine as the host sees it: its loop, and the calls that run on the loop.</summary>
/// <remarks>
/// Lifecycle: <see cref="RunAsync"/> until cancelled or disposed. Calls may come from any thread, and run between transactions.
/// <see cref="EngineLoop"/> has the rest of the contract.
/// </remarks>
public sealed class LiveQueryEngine : IAsyncDisposable
{
    private readonly EngineParts parts;
    private readonly EngineLoop loop;
    private readonly TimeProvider time;
    private readonly CancellationTokenSource stopping = new();

    public LiveQueryEngine(IChangeSource source, ISnapshotReader snapshots, EngineOptions options, EngineMetrics metrics, TimeProvider time)
    {
        this.time = time;
        parts = new EngineParts(source, snapshots, options, metrics, time);
        loop = new EngineLoop(parts);
    }

    /// <summary>A live result differed from PostgreSQL without a known change; for the log: query, added, updated, removed rows.</summary>
    public event Action<string, int, int, int>? Mismatch
    {
        add => parts.Answers.Mismatch += value;
        remove => parts.Answers.Mismatch -= value;
    }

    /// <summary>The stream's position; read from any thread.</summary>
    public Lsn Position => parts.Context.Timeline.PublishedPosition;

    /// <summary>The stream has started and is not interrupted; read from any thread.</summary>
    public bool IsStreaming => parts.Context.Timeline.IsStreaming;

    internal SchemaSignal SchemaSignal => parts.SchemaSignal;

    public void RegisterGauges() => parts.Gauges.Register();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, stopping.Token);
        await loop.RunAsync(linked.Token);
    }

    /// <summary>Gives an observer the inserts of a relation, from some moment after this call. An observer follows one relation.</summary>
    public Task ObserveAsync(uint relationOid, IInsertObserver observer, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => parts.Observers.Add(relationOid, observer), cancellationToken);

    public Task StopObservingAsync(IInsertObserver observer, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => parts.Observers.Remove(observer), cancellationToken);

    /// <summary>Holds the acknowledgement down to what the consumer has stored, until it is removed.</summary>
    public Task AddConsumerAsync(IDurableConsumer consumer, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => parts.Consumers.Add(consumer), cancellationToken);

    public Task RemoveConsumerAsync(IDurableConsumer consumer, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => parts.Consumers.Remove(consumer), cancellationToken);

    /// <summary>Waits until the stream has passed a transaction that called <c>sync.ack(id)</c> or <c>sync.reject(id, …)</c>.</summary>
    public async Task<WriteConfirmation> AwaitAsync(string id, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<WriteConfirmation>(TaskCreationOptions.RunContinuationsAsynchronously);
        await parts.Requests.InvokeAsync(() => parts.Confirmations.Await(id, waiter), cancellationToken);
        try
        {
            return await waiter.Task.WaitAsync(timeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return WriteConfirmation.Timeout;
        }
        finally
        {
            parts.Requests.Post(() => parts.Confirmations.Abandon(id, waiter));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        stopping.Dispose();
    }

    internal bool RunRound(bool isTick, CancellationToken cancellationToken) => loop.RunRound(isTick, cancellationToken);

    internal Task<Subscription> RegisterAsync(
        Principal principal, QueryPlan plan, ImmutableArray<string?> parameters, CancellationToken cancellationToken) =>
        InvokeAsync(subscriptions => subscriptions.Register(principal, plan, parameters), cancellationToken);

    internal Task UnregisterAsync(Principal principal, string id, CancellationToken cancellationToken) =>
        InvokeAsync(subscriptions => subscriptions.Unregister(subscriptions.Find(principal, id)), cancellationToken);

    internal Task<IReadOnlyList<Subscription>> AuthenticateAsync(
        ClientStream stream, Principal principal, CancellationToken cancellationToken) =>
        InvokeAsync(subscriptions => subscriptions.Authenticate(stream, principal), cancellationToken);

    internal Task MoveAsync(Subscription subscription, QueryPlan plan, CancellationToken cancellationToken) =>
        InvokeAsync(subscriptions => subscriptions.Move(subscription, plan), cancellationToken);

    internal Task EndAsync(Subscription subscription, Errors.SyncException reason, CancellationToken cancellationToken) =>
        InvokeAsync(subscriptions => subscriptions.End(subscription, reason), cancellationToken);

    internal Task<IReadOnlyList<QueryPlan>> InvalidatePlansAsync(
        DatabaseSchema schema, bool endsPause, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(
            () =>
            {
                if (endsPause)
                {
                    parts.SchemaSignal.Resume();
                }

                return parts.Plans.Invalidate(schema);
            },
            cancellationToken);

    internal Task ReplacePlansAsync(IReadOnlyDictionary<QueryPlan, PlanOutcome> outcomes, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => parts.Plans.Replace(outcomes), cancellationToken);

    internal Task<T> InvokeAsync<T>(Func<SubscriptionStreams, T> action, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => action(parts.Subscriptions), cancellationToken);

    internal Task InvokeAsync(Action<SubscriptionStreams> action, CancellationToken cancellationToken) =>
        parts.Requests.InvokeAsync(() => action(parts.Subscriptions), cancellationToken);
}
