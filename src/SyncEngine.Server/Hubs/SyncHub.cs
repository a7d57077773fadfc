using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Errors;
using SyncEngine.Subscriptions;

namespace SyncEngine.Server.Hubs;

/// <summary>CONTRACT §3: the hub <c>/sync</c>. Methods take exactly the arguments shown; a refusal is a HubException <c>code: text</c>.</summary>
sealed class SyncHub(ChangeProcessor processor, SubscriptionService service, TokenValidator tokens, HubErrors errors) : Hub
{
    private const string OpenStreamKey = "open-stream";
    private const string PrincipalKey = "principal";
    // Small beside what a queue may hold, so that what a slow client does not read stays where it can be merged.
    private const int BatchBytes = 32 * 1024;
    private static readonly TimeSpan longestWait = TimeSpan.FromMinutes(2);

    /// <summary>Frames of one subscription.</summary>
    public IAsyncEnumerable<FrameBatch> Stream(string subscriptionId, string? from, CancellationToken cancellationToken) =>
        errors.Translated(StreamAsync(subscriptionId, from, cancellationToken), cancellationToken);

    /// <summary>Frames of every subscription attached to this connection, cut by cut; begins with a cut. One per connection.</summary>
    public IAsyncEnumerable<FrameBatch> Open(CancellationToken cancellationToken) => errors.Translated(OpenAsync(cancellationToken), cancellationToken);

    private async IAsyncEnumerable<FrameBatch> StreamAsync(string subscriptionId, string? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await processor.StreamAsync(CurrentPrincipal, Required(subscriptionId), from, cancellationToken);
        await foreach (var batch in ReadAsync(stream, cancellationToken))
        {
            yield return batch;
        }
    }

    private async IAsyncEnumerable<FrameBatch> OpenAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var stream = await processor.OpenAsync(CurrentPrincipal, cancellationToken);
        if (!Context.Items.TryAdd(OpenStreamKey, stream))
        {
            await processor.CloseAsync(stream, CancellationToken.None);
            throw new SyncException(ErrorCode.InvalidRequest, "this connection has an open stream already");
        }

        try
        {
            await foreach (var batch in ReadAsync(stream, cancellationToken))
            {
                yield return batch;
            }
        }
        finally
        {
            Context.Items.Remove(OpenStreamKey);
        }
    }

    public Task Attach(string subscriptionId, string? from) =>
        processor.AttachAsync(OpenStream, Required(subscriptionId), from, Context.ConnectionAborted);

    public Task Detach(string subscriptionId) =>
        processor.DetachAsync(OpenStream, Required(subscriptionId), Context.ConnectionAborted);

    /// <summary>A newer token of the same principal.</summary>
    public async Task Authenticate(string token)
    {
        var principal = await tokens.ValidateAsync(Required(token), Context.ConnectionAborted);
        if (!CurrentPrincipal.IsSameAs(principal))
        {
            throw new SyncException(ErrorCode.PermissionDenied, "the token is another principal's", hint: "Open a new connection.");
        }

        Context.Items[PrincipalKey] = principal;
        if (Context.Items.TryGetValue(OpenStreamKey, out var open))
        {
            await service.AuthenticateAsync((ClientStream)open!, principal, Context.ConnectionAborted);
        }
    }

    /// <summary>What became of the transaction that called <c>sync.ack(id)</c> or <c>sync.reject(id, …)</c>.</summary>
    public async Task<object> Await(string id, int timeoutMs)
    {
        var timeout = timeoutMs < 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(timeoutMs);
        var answer = await processor.AwaitAsync(Required(id), timeout < longestWait ? timeout : longestWait, Context.ConnectionAborted);
        return answer.Status switch
        {
            "confirmed" => new { status = answer.Status, cut = answer.Cut },
            "rejected" => new { status = answer.Status, reason = answer.Reason },
            _ => new { status = answer.Status },
        };
    }

    private Principal CurrentPrincipal => Context.Items.TryGetValue(PrincipalKey, out var newer) ? (Principal)newer! : Context.GetHttpContext()!.GetPrincipal();

    private ClientStream OpenStream => Context.Items.TryGetValue(OpenStreamKey, out var stream)
        ? (ClientStream)stream!
        : throw new SyncException(ErrorCode.InvalidRequest, "this connection has no open stream", hint: "Call Open() first.");

    private static string Required(string? value) =>
        string.IsNullOrEmpty(value) ? throw new SyncException(ErrorCode.InvalidRequest, "an argument is missing or empty") : value;

    private async IAsyncEnumerable<FrameBatch> ReadAsync(ClientStream stream, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        // SignalR waits for the transport between frames, so a client that stops reading is noticed by the queue, and its connection is cut.
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
            await processor.CloseAsync(stream, CancellationToken.None);
        }
    }
}
