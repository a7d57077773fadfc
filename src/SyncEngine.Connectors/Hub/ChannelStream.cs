using System.Globalization;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Hub;

/// <summary>The stream of one client along a channel: its own reads until it has caught up, then the shared tail.</summary>
/// <remarks>
/// Pulled by one reader at a time. It keeps one batch of frames at most. Between batches it checks that the principal may continue.
/// </remarks>
sealed class ChannelStream(ChannelFeed feed, Func<Principal> currentPrincipal, string channel, string? from) : IAsyncDisposable
{
    private readonly Retry retry = feed.NewRetry();
    private ChannelTail? tail;
    private long? position; // null: before the first stored message
    private long? lastSent;
    private bool isLive;
    private bool hasBegun;
    private bool hasRead;

    /// <summary>Returns the next frames, at least one; waits until there are some.</summary>
    public async Task<ChannelFrame[]> NextAsync(CancellationToken cancellationToken)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, feed.Draining);
        try
        {
            if (!hasBegun)
            {
                hasBegun = true;
                if (from is not null && !TryParse(from, out position))
                {
                    return [ChannelFrame.Reset()];
                }

                lastSent = position;
            }

            while (true)
            {
                var frames = await StepAsync(Admitted(), either.Token);
                if (frames.Length > 0)
                {
                    return frames;
                }
            }
        }
        catch (Exception ended) when (
            feed.Draining.IsCancellationRequested && !cancellationToken.IsCancellationRequested
            && ended is OperationCanceledException or ObjectDisposedException)
        {
            throw new SyncException(ErrorCode.ShuttingDown, "the server is shutting down", hint: "Connect again in a moment.");
        }
    }

    public ValueTask DisposeAsync() => tail is null ? ValueTask.CompletedTask : feed.ReleaseAsync(tail);

    private Principal Admitted()
    {
        var principal = currentPrincipal();
        return principal.ExpiresAt <= feed.Time.GetUtcNow()
            ? throw new SyncException(
                ErrorCode.TokenExpired, "the token has expired", hint: "Authenticate with a new token, then open the channel again.")
            : principal;
    }

    private async Task<ChannelFrame[]> StepAsync(Principal principal, CancellationToken cancellationToken)
    {
        if (tail is not null && position is { } after && tail.Serves(principal) && tail.TryTake(after, out var taken))
        {
            if (taken.Frames.Length == 0)
            {
                position = taken.Position;
                await WaitAsync(taken.Next, principal, cancellationToken);
                return [];
            }

            position = taken.Position;
            lastSent = IdOf(taken.Frames[^1]);
            return taken.Frames;
        }

        return await CatchUpAsync(principal, cancellationToken);
    }

    private async Task<ChannelFrame[]> CatchUpAsync(Principal principal, CancellationToken cancellationToken)
    {
        ChannelPage page;
        try
        {
            page = await feed.ReadAsync(principal, channel, position, cancellationToken);
            hasRead = true;
            retry.Reset();
        }
        catch (SyncException away) when (hasRead && away.Code.Class == ErrorClass.BackOff)
        {
            await retry.PauseAsync(cancellationToken);
            return [];
        }

        if (page.HasGap)
        {
            (position, lastSent, isLive) = (null, null, false);
            return [ChannelFrame.Reset()];
        }

        position = page.Position;
        var frames = page.Messages.Select(message => ChannelFrame.Message(channel, message)).ToList();
        lastSent = page.Messages.Count > 0 ? page.Messages[^1].Id : lastSent;
        if (page.IsComplete)
        {
            await JoinAsync(principal, page);
            if (!isLive)
            {
                isLive = true;
                frames.Add(ChannelFrame.Live(lastSent));
            }
        }

        return [.. frames];
    }

    private async Task JoinAsync(Principal principal, ChannelPage page)
    {
        if (tail is { } former)
        {
            if (former.Serves(principal) && former.Key.DependsOnClaims == page.DependsOnClaims)
            {
                return;
            }

            tail = null;
            await feed.ReleaseAsync(former);
        }

        tail = feed.Acquire(principal, channel, page.DependsOnClaims, page.Position);
    }

    /// <summary>Waits for new messages, for the token's expiry, or until the principal must be checked again.</summary>
    private async Task WaitAsync(Task changed, Principal principal, CancellationToken cancellationToken)
    {
        var timeout = feed.Options.Recheck;
        if (principal.ExpiresAt - feed.Time.GetUtcNow() is { } rest && rest < timeout)
        {
            timeout = rest > TimeSpan.Zero ? rest : TimeSpan.Zero;
        }

        try
        {
            await changed.WaitAsync(timeout, feed.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            // The caller checks again.
        }
    }

    private static long IdOf(ChannelFrame message) => long.Parse(message.ResumeId!, CultureInfo.InvariantCulture);

    private static bool TryParse(string from, out long? position)
    {
        var isId = long.TryParse(from, NumberStyles.None, CultureInfo.InvariantCulture, out var id);
        position = isId ? id : null;
        return isId;
    }
}
