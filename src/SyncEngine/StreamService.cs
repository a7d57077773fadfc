using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Permissions;

namespace SyncEngine;

/// <summary>Streams of frames for connections, and the subscriptions on them.</summary>
public sealed class StreamService(LiveQueryEngine engine)
{
    /// <summary>Opens a stream for a connection; it begins with a cut.</summary>
    public Task<ClientStream> OpenAsync(Principal principal, CancellationToken cancellationToken) =>
        engine.InvokeAsync(subscriptions => subscriptions.Open(principal, isSingle: false), cancellationToken);

    /// <summary>Opens a stream of one subscription, which goes on after <paramref name="from"/> where that is possible.</summary>
    /// <exception cref="SyncException">With <c>unknown_subscription</c>, for one of another principal too.</exception>
    public Task<ClientStream> StreamAsync(Principal principal, string subscriptionId, string? from, CancellationToken cancellationToken) =>
        engine.InvokeAsync(
            subscriptions =>
            {
                var subscription = subscriptions.Find(principal, subscriptionId);
                var stream = subscriptions.Open(principal, isSingle: true);
                subscriptions.Attach(stream, subscription, from);
                return stream;
            },
            cancellationToken);

    /// <exception cref="SyncException">
    /// With <c>unknown_subscription</c>, or with <c>invalid_request</c> when it is attached already or the stream has ended.
    /// </exception>
    public Task AttachAsync(ClientStream stream, string subscriptionId, string? from, CancellationToken cancellationToken) =>
        engine.InvokeAsync(
            subscriptions => subscriptions.Attach(stream, subscriptions.Find(stream.Principal, subscriptionId), from), cancellationToken);

    /// <exception cref="SyncException">With <c>unknown_subscription</c> when it is not attached.</exception>
    public Task DetachAsync(ClientStream stream, string subscriptionId, CancellationToken cancellationToken) =>
        engine.InvokeAsync(subscriptions => subscriptions.Detach(stream, subscriptionId), cancellationToken);

    public Task CloseAsync(ClientStream stream, CancellationToken cancellationToken) =>
        engine.InvokeAsync(subscriptions => subscriptions.Close(stream), cancellationToken);

    /// <summary>Ends every stream with <c>shutting_down</c> and refuses new ones; completes when all have been read to their end.</summary>
    public async Task DrainAsync(CancellationToken cancellationToken)
    {
        var drained = await engine.InvokeAsync(subscriptions => subscriptions.Drain(), cancellationToken);
        await drained.WaitAsync(cancellationToken);
    }
}
