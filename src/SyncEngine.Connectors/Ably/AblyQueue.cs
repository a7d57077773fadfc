using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>A message whose sender waits for the answer.</summary>
sealed class PendingMessage(AblyMessage message, CancellationToken cancellationToken)
{
    private readonly TaskCompletionSource<PublishResult> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public AblyMessage Message => message;

    public CancellationToken CancellationToken => cancellationToken;

    public Task<PublishResult> Answer => answer.Task;

    public void Complete(PublishResult result) => answer.TrySetResult(result);

    public void GiveUp() => answer.TrySetCanceled(cancellationToken);
}

/// <summary>The messages of one request.</summary>
/// <param name="IsAlone">Its channel's last attempt failed, so it is sent without others.</param>
sealed record AblyCall(IReadOnlyList<PendingMessage> Messages, bool IsAlone);

/// <summary>Decides which messages are sent next: one by one while requests are free, else in batches of different channels.</summary>
/// <remarks>
/// A channel whose last attempt failed is sent alone. Part of the requests is never given to such channels, so that they delay no other.
/// Bounded by its callers, who have one message of each channel under way, and at <see cref="MaxWaiting"/>. Thread safe.
/// </remarks>
sealed class AblyQueue(int requests)
{
    public const int MaxWaiting = 65_536;

    private readonly Lock access = new(); // senders add while requests end
    private readonly Queue<(long Order, PendingMessage Message)> together = new();
    private readonly Queue<(long Order, PendingMessage Message)> alone = new();
    private readonly HashSet<string> failing = new(StringComparer.Ordinal);
    private int free = requests;
    private int freeAlone = Math.Max(1, requests - Math.Max(1, requests / 4));
    private long added;
    private int maxSpecs = AblyBatch.MaxSpecs;

    public bool IsFull
    {
        get
        {
            lock (access)
            {
                return together.Count + alone.Count >= MaxWaiting;
            }
        }
    }

    /// <returns>The call that the caller makes now, asking <see cref="Next"/> afterwards; null when the message waits here.</returns>
    public AblyCall? Start(PendingMessage message)
    {
        lock (access)
        {
            var isAlone = failing.Contains(message.Message.Channel);
            if (free > 0 && (!isAlone || freeAlone > 0))
            {
                free--;
                freeAlone -= isAlone ? 1 : 0;
                return new AblyCall([message], isAlone);
            }

            (isAlone ? alone : together).Enqueue((added++, message));
            return null;
        }
    }

    /// <summary>Returns the call that follows one that has ended; null when nothing waits, and the request is free again.</summary>
    public AblyCall? Next(AblyCall ended)
    {
        lock (access)
        {
            free++;
            freeAlone += ended.IsAlone ? 1 : 0;
            DropGivenUp(together);
            DropGivenUp(alone);
            var isBatched = together.TryPeek(out var batched);
            var isSingle = alone.TryPeek(out var single) && freeAlone > 0;
            if (!isBatched && !isSingle)
            {
                return null;
            }

            free--;
            if (isSingle && (!isBatched || single.Order < batched.Order))
            {
                freeAlone--;
                return new AblyCall([alone.Dequeue().Message], IsAlone: true);
            }

            return new AblyCall(TakeTogether(), IsAlone: false);
        }
    }

    /// <summary>Records how the last attempt for the channel ended.</summary>
    public void Ended(string channel, bool isStored)
    {
        lock (access)
        {
            if (isStored)
            {
                failing.Remove(channel);
                return;
            }

            if (failing.Count >= MaxWaiting)
            {
                failing.Clear(); // the answers for each spec still separate them
            }

            failing.Add(channel);
        }
    }

    /// <summary>Limits the messages of a batch from now on. With one, there are no batches.</summary>
    /// <returns>False when that was the limit already.</returns>
    public bool LimitBatches(int specs)
    {
        lock (access)
        {
            if (specs >= maxSpecs)
            {
                return false;
            }

            maxSpecs = Math.Max(1, specs);
            return true;
        }
    }

    private List<PendingMessage> TakeTogether()
    {
        List<PendingMessage> taken = [together.Dequeue().Message];
        var channels = new HashSet<string>(StringComparer.Ordinal) { taken[0].Message.Channel };
        var bytes = 2 + AblyBatch.SizeOf(taken[0].Message);
        while (taken.Count < maxSpecs)
        {
            DropGivenUp(together);
            if (!together.TryPeek(out var next)
                || (bytes += AblyBatch.SizeOf(next.Message.Message)) > AblyBatch.MaxBytes
                || !channels.Add(next.Message.Message.Channel))
            {
                break;
            }

            taken.Add(together.Dequeue().Message);
        }

        return taken;
    }

    private static void DropGivenUp(Queue<(long Order, PendingMessage Message)> queue)
    {
        while (queue.TryPeek(out var first) && first.Message.Answer.IsCompleted)
        {
            queue.Dequeue();
        }
    }
}
