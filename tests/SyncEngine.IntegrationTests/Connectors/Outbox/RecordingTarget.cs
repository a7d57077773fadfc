using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.IntegrationTests.Connectors.Outbox;

/// <summary>
/// A target that keeps every message and answers as scripted. It is strict: two calls for one channel at once, an id that was used for
/// another message, or an id that does not rise along its channel is a failure of the connector, kept in <see cref="Faults"/>.
/// </summary>
sealed class RecordingTarget : IMessageTarget
{
    private readonly Lock access = new();
    private readonly Dictionary<string, List<OutboundMessage>> stored = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), OutboundMessage> known = [];
    private readonly HashSet<(string, object)> underWay = [];
    private readonly List<string> faults = [];
    private readonly HealthPart health = new("outbox.recording", TimeProvider.System);
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int repeats;

    public string Name => "recording";

    public IHealthPart Health => health;

    public int MessagesPerCall { get; init; } = 1;

    /// <summary>Called for each message before it is stored: null stores it.</summary>
    public Func<OutboundMessage, CancellationToken, Task<Refusal?>> Before { get; set; } = (_, _) => Task.FromResult<Refusal?>(null);

    /// <summary>Called for each message after it was stored: a refusal is answered although it is stored.</summary>
    public Func<OutboundMessage, CancellationToken, Task<Refusal?>> After { get; set; } = (_, _) => Task.FromResult<Refusal?>(null);

    public IReadOnlyList<string> Faults
    {
        get
        {
            lock (access)
            {
                return [.. faults];
            }
        }
    }

    public int Repeats => Volatile.Read(ref repeats);

    public IReadOnlyList<OutboundMessage> Of(string channel)
    {
        lock (access)
        {
            return stored.TryGetValue(channel, out var messages) ? [.. messages] : [];
        }
    }

    public IReadOnlyList<OutboundMessage> All
    {
        get
        {
            lock (access)
            {
                return [.. stored.Values.SelectMany(messages => messages)];
            }
        }
    }

    public async Task UntilAsync(Func<RecordingTarget, bool> isSo, string what)
    {
        using var timeout = new CancellationTokenSource(TimeSpan.FromSeconds(30), TimeProvider.System);
        while (true)
        {
            Task next;
            lock (access)
            {
                next = changed.Task;
            }

            if (isSo(this))
            {
                return;
            }

            try
            {
                await next.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                Xunit.Assert.Fail(
                    $"{what} did not come about; stored: {string.Join(", ", All.Select(message => $"{message.Channel}/{message.Id}"))}");
            }
        }
    }

    public Task UntilCountAsync(string channel, int count) =>
        UntilAsync(target => target.Of(channel).Count >= count, $"{count} messages on {channel}");

    /// <summary>One sender of a node; several nodes share what is recorded.</summary>
    public IMessageTarget As(object sender) => new Sender(this, sender);

    public Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken) =>
        PublishAsync(this, messages, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async Task<PublishResult> PublishAsync(
        object sender, IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken)
    {
        var channel = messages[0].Channel;
        lock (access)
        {
            if (!underWay.Add((channel, sender)))
            {
                faults.Add($"two calls for {channel} at once");
            }
        }

        try
        {
            for (var i = 0; i < messages.Count; i++)
            {
                if (await Before(messages[i], cancellationToken) is { } refused)
                {
                    return new PublishResult(i, refused);
                }

                Store(messages[i]);
                if (await After(messages[i], cancellationToken) is { } lost)
                {
                    return new PublishResult(i, lost);
                }
            }

            return new PublishResult(messages.Count);
        }
        finally
        {
            lock (access)
            {
                underWay.Remove((channel, sender));
            }
        }
    }

    /// <summary>As Ably does: a repeated id is answered as stored, and stored once.</summary>
    private void Store(OutboundMessage message)
    {
        lock (access)
        {
            if (known.TryGetValue((message.Channel, message.Id), out var before))
            {
                Interlocked.Increment(ref repeats);
                if (before != message)
                {
                    faults.Add($"{message.Channel}/{message.Id} was used for two messages: {before.Headers} and {message.Headers}");
                }

                return;
            }

            known.Add((message.Channel, message.Id), message);
            if (!stored.TryGetValue(message.Channel, out var messages))
            {
                stored.Add(message.Channel, messages = []);
            }

            if (messages.Count > 0 && long.Parse(messages[^1].Id, System.Globalization.CultureInfo.InvariantCulture) >= long.Parse(
                message.Id, System.Globalization.CultureInfo.InvariantCulture))
            {
                faults.Add($"{message.Channel}: {message.Id} came after {messages[^1].Id}");
            }

            messages.Add(message);
            changed.TrySetResult();
            changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        }
    }

    private sealed class Sender(RecordingTarget target, object sender) : IMessageTarget
    {
        public string Name => target.Name;

        public IHealthPart Health => target.Health;

        public int MessagesPerCall => target.MessagesPerCall;

        public Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken) =>
            target.PublishAsync(sender, messages, cancellationToken);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
