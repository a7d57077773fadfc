using System.Runtime.CompilerServices;
using SyncEngine.Connectors.Hub;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Errors;
using SyncEngine.Server.Hubs;

namespace SyncEngine.Server.Channels;

/// <summary>Channels as clients see them: what ends a stream comes as its last frame, with the hint that a hub's exception has no room for.</summary>
sealed partial class ChannelDoor(ChannelFeed feed, ILogger<ChannelDoor> logger)
{
    /// <summary>For the hub. What is wrong with the call itself is thrown.</summary>
    public async IAsyncEnumerable<FrameBatch> BatchesAsync(Func<Principal> principal, string? channel, string? from, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var frames in FramesAsync(principal, channel, from, IsOfTheCall, cancellationToken))
        {
            yield return new FrameBatch([.. frames.Select(frame => frame.Frame)]);
        }
    }

    /// <summary>For Server-Sent Events. Whatever is refused before the first frame is thrown, so that it becomes the request's answer.</summary>
    public IAsyncEnumerable<ChannelFrame[]> FramesAsync(Principal principal, string? channel, string? from, CancellationToken cancellationToken) =>
        FramesAsync(() => principal, channel, from, (_, hasBegun) => !hasBegun, cancellationToken);

    private async IAsyncEnumerable<ChannelFrame[]> FramesAsync(
        Func<Principal> principal, string? channel, string? from, Func<SyncException, bool, bool> isThrown, [EnumeratorCancellation] CancellationToken cancellationToken)
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
                Log.Failed(logger, id, failure);
                last = ChannelFrame.Error(new SyncException(ErrorCode.Internal, "an internal error happened", hint: $"Tell us, and quote {id}."));
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

    private static partial class Log
    {
        [LoggerMessage(1402, LogLevel.Error, "Internal error {Id} on a stream of a channel")]
        public static partial void Failed(ILogger logger, string id, Exception failure);
    }
}
