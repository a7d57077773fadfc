using System.Threading.Channels;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Connectors.Hub;

/// <summary>The key of a tail: streams with the same key see the same messages of a channel.</summary>
/// <param name="Claims">Null where they make no difference, because no row-level security applies.</param>
readonly record struct TailKey(string Channel, string? Role, bool DependsOnClaims, string? Claims);

/// <summary>The messages after a position. <paramref name="Next"/> completes when there are more, or when the tail has ended.</summary>
readonly record struct TailBatch(ChannelFrame[] Frames, long Position, Task Next);

/// <summary>The end of a channel, read once for all streams that may see the same.</summary>
/// <remarks>
/// Lifecycle: from the first stream that has caught up to the last that leaves. It ends earlier when a read is refused, or when policies
/// are added or removed.
/// Backpressure: the messages read last are kept in memory, bounded. A stream that is further behind reads the table by itself.
/// </remarks>
sealed class ChannelTail(ChannelFeed feed, TailKey key, Principal principal, long start)
{
    private const int MaxKeptBytes = 256 * 1024;

    private readonly Retry retry = feed.NewRetry();
    private readonly Lock access = new(); // the loop writes what streams take
    private readonly Queue<(long Id, ChannelFrame Frame)> kept = new();
    private long keptBytes;
    private long floor = start; // every visible message above it, up to position, is kept
    private long position = start;
    private TaskCompletionSource changed = NewSignal();
    private bool hasEnded;

    private readonly Channel<bool> woken = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private CancellationTokenSource? stopping;
    private Task running = Task.CompletedTask;

    public TailKey Key => key;

    /// <summary>Streams that share it; the feed counts.</summary>
    public int Members { get; set; }

    public bool HasEnded => Volatile.Read(ref hasEnded);

    public bool Serves(Principal reader) =>
        !HasEnded
        && string.Equals(key.Role, reader.Role, StringComparison.Ordinal)
        && (!key.DependsOnClaims || string.Equals(key.Claims, reader.Claims, StringComparison.Ordinal));

    public void Start(CancellationToken cancellationToken)
    {
        stopping = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        running = Task.Run(() => RunAsync(stopping.Token), CancellationToken.None);
    }

    /// <summary>There may be new messages.</summary>
    public void Wake() => woken.Writer.TryWrite(true);

    /// <returns>
    /// False when the messages after the position are not kept, or the tail has ended. Then the stream reads the table by itself.
    /// </returns>
    public bool TryTake(long after, out TailBatch taken)
    {
        lock (access)
        {
            if (hasEnded || after < floor)
            {
                taken = default;
                return false;
            }

            taken = new TailBatch(
                [.. kept.Where(entry => entry.Id > after).Select(entry => entry.Frame)], Math.Max(after, position), changed.Task);
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
                await retry.PauseAsync(cancellationToken);
                continue;
            }
            catch (SyncException)
            {
                // Refused: each stream gets the error when it reads by itself.
                End();
                return;
            }

            retry.Reset();
            // Each stream reads by itself what it has missed, and under which claims it reads. The result of this read is dropped.
            if (page.HasGap || page.DependsOnClaims != key.DependsOnClaims)
            {
                End();
                return;
            }

            Keep(page, forgetOld: isIdle && page.Messages.Count == 0);
            if (page.IsComplete)
            {
                isIdle = !await WokenAsync(cancellationToken);
            }
        }
    }

    private void Keep(ChannelPage page, bool forgetOld)
    {
        TaskCompletionSource former;
        lock (access)
        {
            if (forgetOld)
            {
                kept.Clear();
                keptBytes = 0;
                floor = position;
            }

            foreach (var message in page.Messages)
            {
                var frame = ChannelFrame.Message(key.Channel, message);
                kept.Enqueue((message.Id, frame));
                keptBytes += frame.Frame.Length;
            }

            while (keptBytes > MaxKeptBytes)
            {
                var (id, frame) = kept.Dequeue();
                keptBytes -= frame.Frame.Length;
                floor = id;
            }

            position = page.Position;
            if (page.Messages.Count == 0)
            {
                return;
            }

            (former, changed) = (changed, NewSignal());
        }

        former.SetResult();
    }

    private void End()
    {
        TaskCompletionSource former;
        lock (access)
        {
            hasEnded = true;
            former = changed;
        }

        former.TrySetResult();
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
