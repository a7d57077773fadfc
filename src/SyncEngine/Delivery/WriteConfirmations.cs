using System.Text;
using System.Text.Json;
using SyncEngine.Changes;

namespace SyncEngine.Delivery;

/// <summary>The outcome of an awaited transaction.</summary>
public sealed record WriteConfirmation(string Status, string? Cut = null, string? Reason = null)
{
    public static readonly WriteConfirmation Timeout = new("timeout");
}

/// <summary>
/// The ids that transactions confirmed or rejected (<c>sync.ack</c>, <c>sync.reject</c>), and the callers that wait for them. Ids are
/// remembered for two minutes, at most <see cref="MaxRemembered"/> of them. Owned by the loop.
/// </summary>
sealed class WriteConfirmations
{
    private const int MaxRemembered = 100_000;
    private static readonly TimeSpan retention = TimeSpan.FromMinutes(2);

    private readonly Dictionary<string, WriteConfirmation> known = [];
    private readonly Queue<(DateTimeOffset At, string Id)> ages = new();
    private readonly Dictionary<string, List<TaskCompletionSource<WriteConfirmation>>> waiting = [];

    public void OnTransactionalMessage(ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content, Lsn cut, DateTimeOffset now)
    {
        if (prefix.SequenceEqual("sync.ack"u8))
        {
            Remember(Encoding.UTF8.GetString(content), new WriteConfirmation("confirmed", Cut: cut.ToString()), now);
        }
        else if (prefix.SequenceEqual("sync.reject"u8))
        {
            OnMessage("sync.reject", content, now);
        }
    }

    public void OnMessage(string prefix, ReadOnlySpan<byte> content, DateTimeOffset now)
    {
        if (prefix != "sync.reject")
        {
            return;
        }

        try
        {
            using var document = JsonDocument.Parse(content.ToArray());
            if (document.RootElement.TryGetProperty("id", out var id) && id.GetString() is { } text)
            {
                var reason = document.RootElement.TryGetProperty("reason", out var why) ? why.GetString() : null;
                Remember(text, new WriteConfirmation("rejected", Reason: reason), now);
            }
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException)
        {
            // Any session may emit a message under this prefix; one of another shape is ignored.
        }
    }

    /// <summary>The answer, now or later; <paramref name="waiter"/> is completed at most once.</summary>
    public void Await(string id, TaskCompletionSource<WriteConfirmation> waiter)
    {
        if (known.TryGetValue(id, out var answer))
        {
            waiter.TrySetResult(answer);
            return;
        }

        if (!waiting.TryGetValue(id, out var waiters))
        {
            waiting.Add(id, waiters = []);
        }

        waiters.Add(waiter);
    }

    public void Abandon(string id, TaskCompletionSource<WriteConfirmation> waiter)
    {
        if (waiting.TryGetValue(id, out var waiters) && waiters.Remove(waiter) && waiters.Count == 0)
        {
            waiting.Remove(id);
        }
    }

    public void Forget(DateTimeOffset now)
    {
        while (ages.TryPeek(out var oldest) && (oldest.At + retention < now || ages.Count > MaxRemembered))
        {
            ages.Dequeue();
            known.Remove(oldest.Id);
        }
    }

    private void Remember(string id, WriteConfirmation answer, DateTimeOffset now)
    {
        if (!known.TryAdd(id, answer))
        {
            return;
        }

        ages.Enqueue((now, id));
        Forget(now);
        if (waiting.Remove(id, out var waiters))
        {
            foreach (var waiter in waiters)
            {
                waiter.TrySetResult(answer);
            }
        }
    }
}
