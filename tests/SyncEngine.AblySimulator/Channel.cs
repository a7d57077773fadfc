using System.Runtime.InteropServices;

namespace SyncEngine.AblySimulator;

/// <summary>One channel: the messages that subscribers would have received, and the ids that it remembers.</summary>
sealed class Channel(string name, SimulatorOptions options)
{
    private readonly Lock access = new(); // requests for one channel run beside each other
    private readonly Dictionary<string, DateTimeOffset> remembered = new(StringComparer.Ordinal);
    private readonly Queue<(string Id, DateTimeOffset At)> toForget = new();
    private readonly List<RecordedMessage> stored = [];
    private RateWindow messages;
    private RateWindow bytes;
    private long count;

    public string Name => name;

    public long Count => Interlocked.Read(ref count);

    public RecordedMessage[] Stored()
    {
        lock (access)
        {
            return CollectionsMarshal.AsSpan(stored).ToArray();
        }
    }

    /// <summary>
    /// Stores a publish as one, or as a repetition not at all. Each message is given to <paramref name="arrived"/>, in order.
    /// </summary>
    /// <returns>Null when it was accepted.</returns>
    public AblyError? Publish(Publish publish, DateTimeOffset now, Func<PublishedMessage, Outcome, RecordedMessage> arrived)
    {
        lock (access)
        {
            if (!messages.TryTake(publish.Messages.Count, options.ChannelMessagesPerSecond, now))
            {
                return new AblyError(429, 42913, "the channel's limit of messages a second is exceeded");
            }

            if (!bytes.TryTake(publish.Bytes, options.ChannelBytesPerSecond, now))
            {
                return new AblyError(429, 42914, "the channel's limit of bytes a second is exceeded");
            }

            var outcome = IsRepeated(publish.IdempotencyId, now) ? Outcome.Repeated : Outcome.Stored;
            foreach (var message in publish.Messages)
            {
                var record = arrived(message, outcome);
                if (outcome is Outcome.Stored && options.KeepMessages)
                {
                    stored.Add(record);
                }
            }

            if (outcome is Outcome.Stored)
            {
                Interlocked.Add(ref count, publish.Messages.Count);
            }

            return null;
        }
    }

    private bool IsRepeated(string? id, DateTimeOffset now)
    {
        while (toForget.TryPeek(out var oldest) && now - oldest.At >= options.IdempotencyWindow)
        {
            toForget.Dequeue();
            remembered.Remove(oldest.Id);
        }

        if (id is null || remembered.TryAdd(id, now))
        {
            if (id is not null)
            {
                toForget.Enqueue((id, now));
            }

            return false;
        }

        return true;
    }
}
