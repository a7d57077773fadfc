using System.Threading.Channels;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Channels;

namespace SyncEngine.Connectors.Hub;

/// <summary>Whose streams of a channel see the same.</summary>
/// <param name="Claims">Null where they make no difference, as no row-level security applies.</param>
readonly record struct TailKey(string Channel, string? Role, bool DependsOnClaims, string? Claims);

/// <summary>New messages after a position; <paramref name="Next"/> completes when there are others, or the tail has ended.</summary>
readonly record struct TailNews(ChannelFrame[] Frames, long Position, Task Next);

/// <summary>The end of a channel, read once for all streams that may see the same.</summary>
/// <remarks>
/// Lifecycle: from the first stream that has caught up to the last that leaves; it ends before when a read is refused, or when policies come or go.
/// Backpressure: what was read last is held in memory, bounded; a stream that is further behind reads the table for itself.
/// </remarks>
sealed class ChannelTail(ChannelFeed feed, TailKey key, Principal principal, long start)
{
    private const int MaxHeldBytes = 256 * 1024;

    private static readonly TimeSpan retryPause = TimeSpan.FromSeconds(1);

    private readonly Lock access = new(); // the loop writes what streams take
    private readonly Queue<(long Id, ChannelFrame Frame)> held = new();
    private long heldBytes;
    private long floor = start; // whatever may be seen above it, up to position, is held
    private long position = start;
    private TaskCompletionSource news = NewSignal();
    private bool hasEnded;

    private readonly Channel<bool> woken = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private CancellationTokenSource? stopping;
    private Task running = Task.CompletedTask;

    public TailKey Key => key;

    /// <summary>Streams that share it; the feed counts.</summary>
    public int Members { get; set; }

    public bool HasEnded => Volatile.Read(ref hasEnded);

    public bool Serves(Principal reader) =>
        !HasEnded && string.Equals(key.Role, reader.Role, StringComparison.Ordinal) && (!key.DependsOnClaims || string.Equals(key.Claims, reader.Claims, StringComparison.Ordinal));

    public void Start(CancellationToken cancellationToken)
    {
        stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        running = Task.Run(() => RunAsync(stopping.Token), CancellationToken.None);
    }

    /// <summary>There may be new messages.</summary>
    public void Wake() => woken.Writer.TryWrite(true);

    /// <returns>False when what follows the position is not held (any more), or the tail has ended: the stream reads for itself, and finds out what it may.</returns>
    public bool TryTake(long after, out TailNews taken)
    {
        lock (access)
        {
            if (hasEnded || after < floor)
            {
                taken = default;
                return false;
            }

            taken = new TailNews([.. held.Where(entry => entry.Id > after).Select(entry => entry.Frame)], Math.Max(after, position), news.Task);
            return true;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping!.CancelAsync();
        await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stopping.Dispose();
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var isIdle = false;
        while (true)
        {
            ChannelPage page;
            try
            {
                page = await feed.ReadAsync(principal, key.Channel, position, cancellationToken);
            }
            catch (SyncException away) when (away.Code.Class == ErrorClass.BackOff)
            {
                await Task.Delay(retryPause, feed.Time, cancellationToken);
                continue;
            }
            catch (SyncException)
            {
                // Refused: each stream is told when it reads for itself.
                End();
                return;
            }

            // Each stream finds out for itself what it has missed, or under which claims it reads from now on. What this read has seen goes to nobody.
            if (page.HasGap || page.DependsOnClaims != key.DependsOnClaims)
            {
                End();
                return;
            }

            Hold(page, forgetOld: isIdle && page.Messages.Count == 0);
            if (page.IsComplete)
            {
                isIdle = !await WokenAsync(cancellationToken);
            }
        }
    }

    private void Hold(ChannelPage page, bool forgetOld)
    {
        TaskCompletionSource told;
        lock (access)
        {
            if (forgetOld)
            {
                held.Clear();
                heldBytes = 0;
                floor = position;
            }

            foreach (var message in page.Messages)
            {
                var frame = ChannelFrame.Message(key.Channel, message);
                held.Enqueue((message.Id, frame));
                heldBytes += frame.Frame.Length;
            }

            while (heldBytes > MaxHeldBytes)
            {
                var (id, frame) = held.Dequeue();
                heldBytes -= frame.Frame.Length;
                floor = id;
            }

            position = page.Position;
            if (page.Messages.Count == 0)
            {
                return;
            }

            (told, news) = (news, NewSignal());
        }

        told.SetResult();
    }

    private void End()
    {
        TaskCompletionSource told;
        lock (access)
        {
            hasEnded = true;
            told = news;
        }

        told.TrySetResult();
    }

    private async Task<bool> WokenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await woken.Reader.ReadAsync(cancellationToken).AsTask().WaitAsync(feed.Options.Recheck, feed.Time, cancellationToken);
            return true;
        }
        catch (TimeoutException)
        {
            return false;
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
