using System.Runtime.CompilerServices;
using SyncEngine.Connectors.Hub;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Errors;

namespace SyncEngine.Server.Channels;

/// <summary>Frames of channels for clients. An error that ends a stream is its last frame, as a hub's exception carries no hint.</summary>
sealed class ChannelFrames(ChannelFeed feed, ILogger<ChannelFrames> logger)
{
    /// <summary>Frames for the hub. Only what is wrong with the call itself is thrown.</summary>
    public IAsyncEnumerable<ChannelFrame[]> OfCallAsync(
        Func<Principal> principal, string? channel, string? from, CancellationToken cancellationToken) =>
        ReadAsync(principal, channel, from, IsOfTheCall, cancellationToken);

    /// <summary>Frames for Server-Sent Events. A refusal before the first frame is thrown, and so becomes the request's answer.</summary>
    public IAsyncEnumerable<ChannelFrame[]> OfRequestAsync(
        Principal principal, string? channel, string? from, CancellationToken cancellationToken) =>
        ReadAsync(() => principal, channel, from, (_, hasBegun) => !hasBegun, cancellationToken);

    private async IAsyncEnumerable<ChannelFrame[]> ReadAsync(
        Func<Principal> principal,
        string? channel,
        string? from,
        Func<SyncException, bool, bool> isThrown,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var stream = feed.StreamAsync(principal, channel, from, cancellationToken).GetAsyncEnumerator(cancellationToken);
        for (var hasBegun = false; ; hasBegun = true)
        {
            ChannelFrame? last = null;
            try
            {
                if (!await stream.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (SyncException refused) when (!isThrown(refused, hasBegun))
            {
                last = ChannelFrame.Error(refused);
            }
            catch (Exception failure) when (hasBegun && failure is not (SyncException or OperationCanceledException))
            {
                var id = IncidentId.Next();
                ChannelLog.StreamFailed(logger, id, failure);
                last = ChannelFrame.Error(new SyncException(ErrorCode.Internal, "an internal error happened", hint: IncidentId.Hint(id)));
            }

            if (last is { } end)
            {
                yield return [end];
                yield break;
            }

            yield return stream.Current;
        }
    }

    private static bool IsOfTheCall(SyncException refused, bool hasBegun) =>
        !hasBegun && (refused.Code == ErrorCode.InvalidRequest || refused.Code == ErrorCode.TooManySubscriptions);
}

static partial class ChannelLog
{
    [LoggerMessage(1501, LogLevel.Error, "Internal error {Id} on a stream of a channel")]
    public static partial void StreamFailed(ILogger logger, string id, Exception failure);
}
