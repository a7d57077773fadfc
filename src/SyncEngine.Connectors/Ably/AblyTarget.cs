using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;
using SyncEngine.Observability;

namespace SyncEngine.Connectors.Ably;

/// <summary>Publishes to Ably over REST, one idempotent message at a time on each channel.</summary>
/// <remarks>
/// Lifecycle: construction starts the checks of Ably; disposal cancels what is under way.
/// Backpressure: a bounded number of requests, see <see cref="AblyQueue"/>; callers wait. Stored: nothing but a token, in memory.
/// After a crash: the same messages come again under the same ids, which Ably remembers for two minutes.
/// Decision: docs/decisions/ably-over-rest.md.
/// </remarks>
public sealed class AblyTarget : IMessageTarget
{
    private static readonly TimeSpan checkInterval = TimeSpan.FromSeconds(5);

    private readonly AblyOptions options;
    private readonly TimeProvider time;
    private readonly ILogger logger;
    private readonly CancellationTokenSource lifetime = new();
    private readonly AblyHttp http;
    private readonly AblyCredentials credentials;
    private readonly AblyQueue queue;
    private readonly AblyHealth health;
    private readonly Task checking;
    private readonly TaskSet senders = new();

    public AblyTarget(AblyOptions options, TimeProvider time, Random random, ILogger<AblyTarget> logger)
        : this(options, AblyHosts.For(options, time, random), AblyTimeouts.Default, time, logger)
    {
    }

    internal AblyTarget(AblyOptions options, AblyHosts hosts, AblyTimeouts timeouts, TimeProvider time, ILogger<AblyTarget> logger)
    {
        if (options.FindProblem() is { } problem)
        {
            throw new ArgumentException(problem, nameof(options));
        }

        this.options = options;
        this.time = time;
        this.logger = logger;
        http = new AblyHttp(AblyHttp.CreateHandler(timeouts, options.ConcurrentRequests + 1), hosts, timeouts, time, logger);
        credentials = new AblyCredentials(options, http, time, logger, lifetime.Token);
        queue = new AblyQueue(options.ConcurrentRequests);
        health = new AblyHealth(time, logger);
        checking = CheckAsync(lifetime.Token);
    }

    public string Name => "ably";

    public IHealthPart Health => health.Part;

    /// <summary>Ids of messages in one array would have to share a base, and every row has an id of its own.</summary>
    public int MessagesPerCall => 1;

    public async Task<PublishResult> PublishAsync(IReadOnlyList<OutboundMessage> messages, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        AblyMessage message;
        try
        {
            message = AblyMessage.From(messages[0], options.MaxMessageBytes);
        }
        catch (AblyRefusedException exception)
        {
            return new PublishResult(0, exception.Refusal);
        }

        if (queue.IsFull)
        {
            return new PublishResult(0, new Refusal(RefusalKind.Retry, "busy", "too many channels wait for Ably"));
        }

        var pending = new PendingMessage(message, cancellationToken);
        await using var givingUp = cancellationToken.Register(pending.GiveUp);
        Start(pending);
        return await pending.Answer;
    }

    public async ValueTask DisposeAsync()
    {
        if (lifetime.IsCancellationRequested)
        {
            return;
        }

        await lifetime.CancelAsync();
        await Task.WhenAll(senders.CloseAsync(), checking);
        http.Dispose();
        lifetime.Dispose();
    }

    private void Start(PendingMessage pending)
    {
        ObjectDisposedException.ThrowIf(lifetime.IsCancellationRequested, this);
        if (queue.Start(pending) is { } call)
        {
            senders.Start(() => SendAllAsync(call));
        }
    }

    /// <summary>Uses one of the requests that may be under way: it sends, then takes what waits, until nothing does.</summary>
    private async Task SendAllAsync(AblyCall first)
    {
        for (var call = first; call is not null; call = queue.Next(call))
        {
            var work = call.Messages;
            try
            {
                await (work.Count == 1 ? SendOneAsync(work[0]) : SendBatchAsync(work));
            }
            catch (OperationCanceledException)
            {
                Abandon(work);
            }
            catch (AblyRefusedException exception)
            {
                Refuse(work, exception.Refusal);
            }
            catch (Exception exception)
            {
                Log.Unexpected(logger, exception);
                CompleteAll(work, new Refusal(RefusalKind.Retry, "internal", "publishing failed unexpectedly; the log has the details"));
            }
        }
    }

    private async Task SendOneAsync(PendingMessage pending)
    {
        using var either = CancellationTokenSource.CreateLinkedTokenSource(lifetime.Token, pending.CancellationToken);
        var answer = await SendAsync(pending.Message.Path, pending.Message.Json, either.Token);
        if (answer.IsStored)
        {
            Store(pending);
        }
        else
        {
            Refuse([pending], AblyErrors.Classify(answer));
        }
    }

    private async Task SendBatchAsync(IReadOnlyList<PendingMessage> batch)
    {
        var answer = await SendAsync(AblyBatch.Path, AblyBatch.Write(batch.Select(pending => pending.Message)), lifetime.Token);
        if (answer.Status is 404 or 405)
        {
            SendSingly(batch);
            return;
        }

        var results = AblyBatch.Read(answer);
        if (results.Count == 0)
        {
            if (answer.Code == AblyErrors.TooManyChannels)
            {
                queue.LimitBatches(batch.Count / 2); // the account's limit is lower than the usual one
            }

            // The cause may be any of them, so none is refused for good: each is sent alone next.
            var refusal = AblyErrors.Classify(answer);
            Refuse(batch, refusal.Kind is RefusalKind.Never or RefusalKind.Uncertain ? refusal with { Kind = RefusalKind.Retry } : refusal);
            return;
        }

        foreach (var pending in batch)
        {
            if (!results.TryGetValue(pending.Message.Channel, out var refusal))
            {
                Refuse([pending], new Refusal(RefusalKind.Retry, "unanswered", "Ably's answer to a batch left the channel out"));
            }
            else if (refusal is null)
            {
                Store(pending);
            }
            else
            {
                Refuse([pending], refusal);
            }
        }
    }

    /// <summary>
    /// The endpoint does not support batches: from now on each message is a request of its own, on this request and those that are free.
    /// </summary>
    private void SendSingly(IReadOnlyList<PendingMessage> batch)
    {
        if (queue.LimitBatches(1))
        {
            Log.NoBatches(logger);
        }

        foreach (var pending in batch)
        {
            Start(pending);
        }
    }

    private async Task<AblyAnswer> SendAsync(string path, ReadOnlyMemory<byte> body, CancellationToken cancellationToken)
    {
        var authorization = await credentials.GetAsync(cancellationToken);
        var answer = await http.SendAsync(HttpMethod.Post, path, body, authorization, cancellationToken);
        if (!AblyErrors.IsAboutToken(answer.Code) || !credentials.CanRenew)
        {
            return answer;
        }

        credentials.Forget(authorization);
        return await http.SendAsync(HttpMethod.Post, path, body, await credentials.GetAsync(cancellationToken), cancellationToken);
    }

    private void Store(PendingMessage pending)
    {
        health.Succeeded();
        queue.Ended(pending.Message.Channel, isStored: true);
        pending.Complete(new PublishResult(1));
    }

    private void Refuse(IReadOnlyList<PendingMessage> work, Refusal refusal)
    {
        refusal = refusal with { Reason = credentials.Mask(refusal.Reason) };
        health.Failed(refusal, work.Count == 1 ? work[0].Message.Channel : null);
        CompleteAll(work, refusal);
    }

    /// <summary>The caller has stopped waiting, or the target is disposed of.</summary>
    private void Abandon(IReadOnlyList<PendingMessage> work)
    {
        foreach (var pending in work.Where(pending => pending.CancellationToken.IsCancellationRequested))
        {
            pending.GiveUp();
        }

        CompleteAll(work, new Refusal(RefusalKind.Retry, "stopped", "the target was stopped"));
    }

    private void CompleteAll(IReadOnlyList<PendingMessage> work, Refusal refusal)
    {
        foreach (var pending in work)
        {
            if (!AblyErrors.IsOfAnyMessage(refusal))
            {
                queue.Ended(pending.Message.Channel, isStored: false);
            }

            pending.Complete(new PublishResult(0, refusal));
        }
    }

    /// <summary>Checks Ably while no publish shows its state: at the start, and after it could not be reached.</summary>
    private async Task CheckAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        using var timer = new PeriodicTimer(checkInterval, time);
        try
        {
            do
            {
                if (health.IsOpen)
                {
                    await CheckOnceAsync(cancellationToken);
                }
            }
            while (await timer.WaitForNextTickAsync(cancellationToken));
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            // Stopped, as asked.
        }
    }

    private async Task CheckOnceAsync(CancellationToken cancellationToken)
    {
        try
        {
            await credentials.CheckAsync(cancellationToken);
            health.CheckSucceeded();
        }
        catch (AblyRefusedException exception)
        {
            health.CheckFailed(exception.Refusal with { Reason = credentials.Mask(exception.Refusal.Reason) });
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            Log.Unexpected(logger, exception);
        }
    }
}
