using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Channels;
using SyncEngine.Server.Errors;

namespace SyncEngine.Server.Hubs;

/// <summary>The hub <c>/sync</c> of docs/PROTOCOL.md, section 5.1. A refused call is a HubException <c>code: text</c>.</summary>
sealed class SyncHub(
    StreamService streams,
    LiveQueryEngine engine,
    SubscriptionService service,
    ChannelFrames channels,
    CallerAuthenticator callers,
    HubErrors errors) : Hub
{
    private const string OpenStreamKey = "open-stream";
    private const string PrincipalKey = "principal";

    // Small beside what a queue may hold, so that what a slow client does not read stays where it can be merged.
    private const int BatchBytes = 32 * 1024;

    private static readonly TimeSpan maxWait = TimeSpan.FromMinutes(2);

    public override Task OnConnectedAsync()
    {
        Context.Items[OpenStreamKey] = new OpenStream();
        return Task.CompletedTask;
    }

    /// <summary>Frames of one subscription.</summary>
    public IAsyncEnumerable<FrameBatch> Stream(string subscriptionId, string? from, CancellationToken cancellationToken) =>
        errors.Translated(StreamAsync(subscriptionId, from, cancellationToken), cancellationToken);

    /// <summary>Frames of every subscription attached to this connection, cut by cut; begins with a cut. One per connection.</summary>
    /// <remarks>It counts as open from this call on, not from its first frame: a client may attach without waiting for that.</remarks>
    public IAsyncEnumerable<FrameBatch> Open(CancellationToken cancellationToken)
    {
        var opening = new TaskCompletionSource<ClientStream>(TaskCreationOptions.RunContinuationsAsynchronously);
        return OwnStream.TryOpen(opening.Task)
            ? errors.Translated(OpenAsync(opening, cancellationToken), cancellationToken)
            : throw new SyncException(ErrorCode.InvalidRequest, "this connection has an open stream already");
    }

    /// <summary>Messages of a channel of the outbox's hub target, after the one with the id <paramref name="from"/>.</summary>
    public IAsyncEnumerable<FrameBatch> Channel(string name, string? from, CancellationToken cancellationToken) =>
        errors.Translated(ChannelAsync(name, from, cancellationToken), cancellationToken);

    private async IAsyncEnumerable<FrameBatch> ChannelAsync(
        string name, string? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var frames in channels.OfCallAsync(() => CurrentPrincipal, name, from, cancellationToken))
        {
            yield return new FrameBatch([.. frames.Select(frame => frame.Frame)]);
        }
    }

    private async IAsyncEnumerable<FrameBatch> StreamAsync(
        string subscriptionId, string? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await streams.StreamAsync(CurrentPrincipal, Required(subscriptionId), from, cancellationToken);
        await foreach (var batch in ReadAsync(stream, cancellationToken))
        {
            yield return batch;
        }
    }

    private async IAsyncEnumerable<FrameBatch> OpenAsync(
        TaskCompletionSource<ClientStream> opening, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        try
        {
            ClientStream stream;
            try
            {
                stream = await streams.OpenAsync(CurrentPrincipal, cancellationToken);
                opening.SetResult(stream);
            }
            catch
            {
                // A call that attaches meanwhile is refused when this connection ends.
                opening.SetCanceled(CancellationToken.None);
                throw;
            }

            await foreach (var batch in ReadAsync(stream, cancellationToken))
            {
                yield return batch;
            }
        }
        finally
        {
            OwnStream.Close();
        }
    }

    public async Task Attach(string subscriptionId, string? from) =>
        await streams.AttachAsync(await OpenStreamAsync(), Required(subscriptionId), from, Context.ConnectionAborted);

    public async Task Detach(string subscriptionId) =>
        await streams.DetachAsync(await OpenStreamAsync(), Required(subscriptionId), Context.ConnectionAborted);

    /// <summary>Takes a newer token of the same principal, by the same authentication scheme as requests.</summary>
    public async Task Authenticate(string token)
    {
        var principal = await callers.AuthenticateAsync(Required(token), Context.ConnectionAborted);
        if (!CurrentPrincipal.IsSameAs(principal))
        {
            throw new SyncException(ErrorCode.PermissionDenied, "the token is another principal's", hint: "Open a new connection.");
        }

        Context.Items[PrincipalKey] = principal;
        if (OwnStream.Opening is { } opening)
        {
            await service.AuthenticateAsync(await opening, principal, Context.ConnectionAborted);
        }
    }

    /// <summary>The outcome of the transaction that called <c>sync.ack(id)</c> or <c>sync.reject(id, …)</c>.</summary>
    public async Task<object> Await(string id, int timeoutMs)
    {
        var timeout = timeoutMs < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(timeoutMs);
        var answer = await engine.AwaitAsync(Required(id), timeout < maxWait ? timeout : maxWait, Context.ConnectionAborted);
        return answer.Status switch
        {
            "confirmed" => new { status = answer.Status, cut = answer.Cut },
            "rejected" => new { status = answer.Status, reason = answer.Reason },
            _ => new { status = answer.Status },
        };
    }

    private Principal CurrentPrincipal =>
        Context.Items.TryGetValue(PrincipalKey, out var newer) ? (Principal)newer! : Context.GetHttpContext()!.GetPrincipal();

    private OpenStream OwnStream => (OpenStream)Context.Items[OpenStreamKey]!;

    private Task<ClientStream> OpenStreamAsync() =>
        OwnStream.Opening
        ?? throw new SyncException(ErrorCode.InvalidRequest, "this connection has no open stream", hint: "Call Open() first.");

    private static string Required(string? value) =>
        string.IsNullOrEmpty(value) ? throw new SyncException(ErrorCode.InvalidRequest, "an argument is missing or empty") : value;

    private async IAsyncEnumerable<FrameBatch> ReadAsync(ClientStream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // SignalR waits for the transport between frames, so the queue notices a client that stops reading. Its connection is then aborted.
        await using var cut = stream.Stalled.Register(static context => ((HubCallerContext)context!).Abort(), Context);
        try
        {
            await foreach (var frames in stream.Queue.ReadBatchesAsync(BatchBytes, cancellationToken))
            {
                yield return new FrameBatch(frames);
            }
        }
        finally
        {
            await streams.CloseAsync(stream, CancellationToken.None);
        }
    }

    /// <summary>A connection's open stream. Calls of one connection run concurrently.</summary>
    private sealed class OpenStream
    {
        private Task<ClientStream>? opening;

        public Task<ClientStream>? Opening => Volatile.Read(ref opening);

        public bool TryOpen(Task<ClientStream> stream) => Interlocked.CompareExchange(ref opening, stream, null) is null;

        public void Close() => Volatile.Write(ref opening, null);
    }
}
