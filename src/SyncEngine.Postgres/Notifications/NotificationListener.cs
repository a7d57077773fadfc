using System.Data;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Notifications;

/// <summary>The one connection on which this process listens for the notifications of a database.</summary>
/// <remarks>
/// Lifecycle: connects for the first subscription, disconnects after the last one, reconnects with backoff; ends when it is disposed of.
/// Backpressure: none; each <see cref="NotificationSubscription"/> has a bounded queue of its own.
/// Stored: nothing. After a lost connection every subscription gets a batch with a new generation, as notifications may have been lost.
/// Why there is one: docs/decisions/one-listener.md.
/// </remarks>
public sealed class NotificationListener(
    NpgsqlDataSource database,
    NotificationListenerOptions options,
    TimeProvider time,
    ILogger<NotificationListener> logger) : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly Channel<bool> changes = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private readonly Lock access = new(); // subscribers come and go on any thread; the loop hands notifications over
    private readonly Dictionary<string, List<NotificationSubscription>> subscribers = new(StringComparer.Ordinal);
    private long generation;
    private string? failure;
    private Task? running;

    /// <summary>
    /// Listens to a channel. Notifications that commit after this call has returned are queued, unless there is no connection.
    /// </summary>
    /// <remarks>Without a connection it returns after the first failed attempt; the first batch after the connection has a gap.</remarks>
    /// <exception cref="SyncException"><c>invalid_request</c>: see <see cref="NotificationChannel"/>.</exception>
    public async Task<NotificationSubscription> SubscribeAsync(string channel, CancellationToken cancellationToken)
    {
        NotificationChannel.Require(channel);
        var subscription = new NotificationSubscription(this, channel, options.QueueBytes);
        lock (access)
        {
            ObjectDisposedException.ThrowIf(stopping.IsCancellationRequested, this);
            if (!subscribers.TryGetValue(channel, out var others))
            {
                subscribers.Add(channel, others = []);
            }

            others.Add(subscription);
            if (failure is not null)
            {
                subscription.Interrupted(failure, generation);
            }

            running ??= Task.Run(() => RunAsync(stopping.Token), CancellationToken.None);
        }

        changes.Writer.TryWrite(true);
        try
        {
            await subscription.Ready.WaitAsync(cancellationToken);
            return subscription;
        }
        catch
        {
            await subscription.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        Task? last;
        NotificationSubscription[] left;
        lock (access)
        {
            last = running;
            left = [.. subscribers.Values.SelectMany(some => some)];
            subscribers.Clear();
        }

        if (last is not null)
        {
            await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        foreach (var subscription in left)
        {
            subscription.Complete();
        }
    }

    internal void Remove(NotificationSubscription subscription)
    {
        lock (access)
        {
            if (subscribers.TryGetValue(subscription.ChannelName, out var others) && others.Remove(subscription) && others.Count == 0)
            {
                subscribers.Remove(subscription.ChannelName);
            }
        }

        changes.Writer.TryWrite(true);
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        var retry = new Retry(options.MinimumBackoff, options.MaximumBackoff, RetryClock.ForProcess(time));
        await retry.ForeverAsync(token => ListenWhileSubscribedAsync(retry, token), static _ => true, Interrupted, cancellationToken);
    }

    private async Task ListenWhileSubscribedAsync(Retry retry, CancellationToken cancellationToken)
    {
        while (true)
        {
            while (Wanted().Count == 0)
            {
                await changes.Reader.WaitToReadAsync(cancellationToken);
            }

            await ListenAsync(retry, cancellationToken);
        }
    }

    /// <summary>Listens on one connection until it is lost, or until there is no subscription.</summary>
    private async Task ListenAsync(Retry retry, CancellationToken cancellationToken)
    {
        await using var connection = await database.OpenConnectionAsync(cancellationToken);
        connection.Notification += (_, notification) => HandOver(notification.Channel, notification.Payload);
        var listened = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            await ExecuteAsync(connection, [$"SET application_name TO {Quoting.Literal(options.ApplicationName)}"], cancellationToken);
            var isNew = true;
            while (Wanted() is { Count: > 0 } wanted)
            {
                await AlignAsync(connection, listened, wanted, cancellationToken);
                Listening(listened, isNew);
                isNew = false;
                retry.Reset();
                await WaitAsync(connection, cancellationToken);
            }
        }
        finally
        {
            await LeaveAsync(connection);
        }
    }

    /// <summary>The channels that have subscribers. A change after this call ends the next wait.</summary>
    private HashSet<string> Wanted()
    {
        changes.Reader.TryRead(out _);
        lock (access)
        {
            // The next subscription waits for an attempt of its own.
            failure = subscribers.Count == 0 ? null : failure;
            return [.. subscribers.Keys];
        }
    }

    private async Task AlignAsync(
        NpgsqlConnection connection, HashSet<string> listened, HashSet<string> wanted, CancellationToken cancellationToken)
    {
        var statements = listened.Except(wanted, StringComparer.Ordinal).Select(channel => $"UNLISTEN {Quoting.Identifier(channel)}")
            .Concat(wanted.Except(listened, StringComparer.Ordinal).Select(channel => $"LISTEN {Quoting.Identifier(channel)}"))
            .ToList();
        if (statements.Count > 0)
        {
            await ExecuteAsync(connection, statements, cancellationToken);
            listened.Clear();
            listened.UnionWith(wanted);
        }
    }

    private void Listening(HashSet<string> listened, bool isNewConnection)
    {
        var hasRecovered = false;
        lock (access)
        {
            if (isNewConnection)
            {
                generation++;
                hasRecovered = failure is not null;
                failure = null;
            }

            foreach (var (channel, some) in subscribers)
            {
                // A channel that came a moment ago is listened to in the next turn.
                if (listened.Contains(channel))
                {
                    some.ForEach(subscription => subscription.Listening(generation));
                }
            }
        }

        if (hasRecovered)
        {
            logger.NotificationsRecovered(generation);
        }
    }

    private void Interrupted(Exception lost)
    {
        bool isFirst;
        lock (access)
        {
            isFirst = failure is null;
            failure = lost.Message;
            foreach (var subscription in subscribers.Values.SelectMany(some => some))
            {
                subscription.Interrupted(failure, generation);
            }
        }

        if (isFirst)
        {
            logger.NotificationsInterrupted(lost.Message, lost is NpgsqlException ? null : lost);
        }
    }

    private void HandOver(string channel, string payload)
    {
        lock (access)
        {
            if (subscribers.TryGetValue(channel, out var some))
            {
                some.ForEach(subscription => subscription.Offer(payload));
            }
        }
    }

    /// <summary>Returns when the wanted channels have changed, and after each notification.</summary>
    private async Task WaitAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        using var leaving = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var changed = changes.Reader.WaitToReadAsync(leaving.Token).AsTask();
        var notified = connection.WaitAsync(options.SilenceBeforeTest, leaving.Token);
        await Task.WhenAny(changed, notified);
        var isSilent = notified is { IsCompletedSuccessfully: true, Result: false };
        // Both end here: the connection takes one command at a time.
        await leaving.CancelAsync();
        await ((Task)changed).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        try
        {
            await notified;
        }
        catch (OperationCanceledException) when (connection.State == ConnectionState.Open && !cancellationToken.IsCancellationRequested)
        {
            // Npgsql keeps a connection whose wait is cancelled.
        }

        if (isSilent)
        {
            // A broken line that reports no error is found by using it.
            await ExecuteAsync(connection, ["SELECT 1"], cancellationToken);
        }
    }

    /// <summary>Prepares the connection for its return to the pool, where a session that listens would fill the server's queue.</summary>
    private async Task LeaveAsync(NpgsqlConnection connection)
    {
        if (connection.State != ConnectionState.Open)
        {
            return;
        }

        try
        {
            await ExecuteAsync(connection, ["UNLISTEN *", "RESET application_name"], CancellationToken.None);
        }
        catch (Exception lost) when (DatabaseFailure.IsOfDatabase(lost) || lost is OperationCanceledException)
        {
            // The pool finds it broken and drops it.
        }
    }

    private async Task ExecuteAsync(NpgsqlConnection connection, IReadOnlyList<string> statements, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection) { Timeout = Math.Max(1, (int)options.StatementTimeout.TotalSeconds) };
        await batch.Add([.. statements]).ExecuteNonQueryAsync(cancellationToken);
    }
}
