using System.Collections.Immutable;
using System.Security.Cryptography;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;

namespace SyncEngine;

/// <summary>Who subscribes to what, and on which stream it is told.</summary>
public sealed partial class ChangeProcessor
{
    private static readonly TimeSpan housekeepingInterval = TimeSpan.FromSeconds(1);
    private const int CommitsKeptUnsettled = 20_000;

    private readonly Dictionary<string, Subscription> subscriptions = new(StringComparer.Ordinal);
    private readonly Dictionary<(string?, string?, string?), int> perPrincipal = [];
    private readonly Queue<(DateTimeOffset At, Subscription Subscription)> unattended = new();
    private readonly PriorityQueue<Subscription, DateTimeOffset> expiring = new();
    private Sql.Catalog.DatabaseSchema? newestSchema;
    private int auditTurn;
    private bool isSettling;
    private TaskCompletionSource? farewell;

    /// <summary>Registers a subscription; nothing is read until somebody streams it.</summary>
    public Task<Subscription> RegisterAsync(Principal principal, QueryPlan plan, ImmutableArray<string?> parameters, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                var owner = OwnerKey(principal);
                var count = perPrincipal.GetValueOrDefault(owner);
                if (count >= options.SubscriptionsPerPrincipal && principal != Principal.Engine)
                {
                    throw new SyncException(
                        ErrorCode.TooManySubscriptions,
                        $"this principal has {count} subscriptions already",
                        hint: "Delete subscriptions that are no longer needed, or raise SyncEngine:Limits:SubscriptionsPerPrincipal.");
                }

                var query = queries.FindOrAdd(plan, parameters);
                if (!plan.HasSameShapeAs(query.Plan))
                {
                    throw new SyncException(ErrorCode.SchemaChanged, "the schema changed while the query was planned", hint: "Subscribe again.");
                }

                var subscription = new Subscription(NewId(), principal, query.Plan, parameters) { Query = query };
                BecomeUnattended(subscription);
                WatchExpiry(subscription);
                subscription.Query.Subscriptions.Add(subscription);
                subscriptions.Add(subscription.Id, subscription);
                perPrincipal[owner] = count + 1;
                SuspendIfOutdated(subscription.Query);
                return subscription;
            },
            cancellationToken);

    public Task UnregisterAsync(Principal principal, string id, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                Unregister(Find(principal, id));
                return true;
            },
            cancellationToken);

    /// <summary>The subscription, if it is this principal's.</summary>
    /// <exception cref="SyncException">unknown_subscription, for somebody else's too.</exception>
    public Task<Subscription> FindAsync(Principal principal, string id, CancellationToken cancellationToken) =>
        InvokeAsync(() => Find(principal, id), cancellationToken);

    /// <summary>Opens a stream for a connection; it begins with a cut.</summary>
    public Task<ClientStream> OpenAsync(Principal principal, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                var stream = AddStream(principal, isSingle: false);
                stream.Hold(null, FrameBody.OfCut(position), position);
                stream.Told = position;
                streams.Touch(stream);
                return stream;
            },
            cancellationToken);

    /// <summary>A stream of one subscription, which goes on after <paramref name="from"/> where that is possible.</summary>
    public Task<ClientStream> StreamAsync(Principal principal, string id, string? from, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                var subscription = Find(principal, id);
                var stream = AddStream(principal, isSingle: true);
                Attach(stream, subscription, from);
                return stream;
            },
            cancellationToken);

    public Task AttachAsync(ClientStream stream, string id, string? from, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                if (stream.Attachments.ContainsKey(id))
                {
                    throw new SyncException(ErrorCode.InvalidRequest, "the subscription is attached to this stream already");
                }

                Attach(stream, Find(stream.Principal, id), from);
                return true;
            },
            cancellationToken);

    public Task DetachAsync(ClientStream stream, string id, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                if (!stream.Attachments.TryGetValue(id, out var attachment))
                {
                    throw new SyncException(ErrorCode.UnknownSubscription, "no such subscription is attached to this stream");
                }

                Detach(attachment);
                stream.Leave(id);
                return true;
            },
            cancellationToken);

    public Task CloseAsync(ClientStream stream, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                Close(stream);
                return true;
            },
            cancellationToken);

    /// <summary>Tells every stream that the engine leaves, and ends it; completes when all have been read to their end. For before the doors are closed.</summary>
    public async Task FarewellAsync(CancellationToken cancellationToken)
    {
        var told = await InvokeAsync(
            () =>
            {
                farewell ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                EndStreams(Leaving());
                if (streams.All.Count == 0)
                {
                    farewell.TrySetResult();
                }

                return farewell.Task;
            },
            cancellationToken);
        await told.WaitAsync(cancellationToken);
    }

    /// <summary>A newer token for a stream's principal. Subscriptions whose plan uses claims are given back: they need another plan.</summary>
    public Task<IReadOnlyList<Subscription>> AuthenticateAsync(ClientStream stream, Principal principal, CancellationToken cancellationToken) =>
        InvokeAsync<IReadOnlyList<Subscription>>(
            () =>
            {
                if (!stream.Principal.IsSameAs(principal))
                {
                    throw new SyncException(ErrorCode.PermissionDenied, "the token is another principal's", hint: "Open a new connection.");
                }

                stream.Principal = principal;
                var attached = stream.Attachments.Values.Select(attachment => attachment.Subscription).ToList();
                foreach (var subscription in attached)
                {
                    subscription.Principal = principal;
                    WatchExpiry(subscription);
                }

                return [.. attached.Where(subscription => subscription.Plan.DependsOnClaims && subscription.Plan.Reader.Claims != principal.Claims)];
            },
            cancellationToken);

    /// <summary>Moves a subscription to another plan (its claims have changed): its attachments get a new snapshot.</summary>
    public Task MoveAsync(Subscription subscription, QueryPlan plan, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                if (subscription.Query is not { } before)
                {
                    return false;
                }

                var after = queries.FindOrAdd(plan, subscription.Parameters);
                subscription.Plan = plan;
                subscription.Query = after;
                after.Subscriptions.Add(subscription);
                before.Subscriptions.Remove(subscription);
                foreach (var attachment in before.Attachments.Where(attachment => attachment.Subscription == subscription).ToList())
                {
                    before.Attachments.Remove(attachment);
                    if (before.Attachments.Count == 0)
                    {
                        streams.Behind.Remove(before);
                    }

                    attachment.Stream.Drop(subscription.Id);
                    streams.AwaitingRoom.Remove(attachment);
                    StreamSet.Unhold(attachment);
                    var moved = new Attachment(subscription, after, attachment.Stream);
                    attachment.Stream.Attachments[subscription.Id] = moved;
                    after.Attachments.Add(moved);
                    streams.Reset(moved, ErrorCode.PermissionsChanged);
                }

                RemoveIfUnused(before);
                SuspendIfOutdated(after);
                reader.Want(after);
                return true;
            },
            cancellationToken);

    /// <summary>Ends a subscription with a reason.</summary>
    public Task EndAsync(Subscription subscription, SyncException reason, CancellationToken cancellationToken) =>
        InvokeAsync(
            () =>
            {
                End(subscription, reason);
                return true;
            },
            cancellationToken);

    /// <summary>When a transaction that called <c>sync.ack(id)</c> or <c>sync.reject(id, …)</c> has passed.</summary>
    public async Task<Acknowledgement> AwaitAsync(string id, TimeSpan timeout, CancellationToken cancellationToken)
    {
        var waiter = new TaskCompletionSource<Acknowledgement>(TaskCreationOptions.RunContinuationsAsynchronously);
        await InvokeAsync(
            () =>
            {
                acknowledgements.Await(id, waiter);
                return true;
            },
            cancellationToken);
        try
        {
            return await waiter.Task.WaitAsync(timeout, time, cancellationToken);
        }
        catch (TimeoutException)
        {
            return Acknowledgement.Timeout;
        }
        finally
        {
            Post(() => acknowledgements.Abandon(id, waiter));
        }
    }

    private void WatchExpiry(Subscription subscription)
    {
        if (subscription.Principal.ExpiresAt is { } expiry)
        {
            expiring.Enqueue(subscription, expiry);
        }
    }

    private ClientStream AddStream(Principal principal, bool isSingle)
    {
        if (farewell is not null)
        {
            throw Leaving();
        }

        var stream = new ClientStream(NewId(), principal, isSingle, options.MaxQueuedBytes);
        streams.Add(stream, now);
        return stream;
    }

    private Subscription Find(Principal principal, string id) =>
        subscriptions.TryGetValue(id, out var subscription) && subscription.Principal.IsSameAs(principal)
            ? subscription
            : throw new SyncException(ErrorCode.UnknownSubscription, "no such subscription", hint: "Subscribe again; subscriptions that nobody streams are dropped.");

    private void Attach(ClientStream stream, Subscription subscription, string? from)
    {
        if (!streams.All.Contains(stream))
        {
            throw new SyncException(ErrorCode.InvalidRequest, "the stream has ended", hint: "Open another one.");
        }

        var query = subscription.Query!;
        var attachment = new Attachment(subscription, query, stream);
        stream.Attachments.Add(subscription.Id, attachment);
        query.Attachments.Add(attachment);
        subscription.AttachmentCount++;
        if (from is not null)
        {
            // What cannot be a cut of ours is as good as one that is too old.
            attachment.From = Lsn.TryParse(from, out var cut) && cut <= position ? cut : new Lsn(ulong.MaxValue);
        }

        var isKnown = query.State is not null && !query.IsBehind && interruption is null;
        if (attachment.From is not null && isKnown && TryReplay(query, attachment, position))
        {
            return;
        }

        if (attachment.From is not null && query.State is null)
        {
            attachment.From = null;
            streams.Send(attachment, FrameBody.Reset(ErrorCode.MustRefetch));
        }

        reader.Want(query);
    }

    private void Detach(Attachment attachment)
    {
        attachment.Stream.Attachments.Remove(attachment.Subscription.Id);
        attachment.Query.Attachments.Remove(attachment);
        streams.AwaitingRoom.Remove(attachment);
        StreamSet.Unhold(attachment);
        if (attachment.Query.Attachments.Count == 0)
        {
            streams.Behind.Remove(attachment.Query);
        }

        if (--attachment.Subscription.AttachmentCount == 0)
        {
            BecomeUnattended(attachment.Subscription);
        }
    }

    private void BecomeUnattended(Subscription subscription)
    {
        subscription.UnattendedSince = now;
        unattended.Enqueue((now, subscription));
    }

    private void Close(ClientStream stream)
    {
        foreach (var attachment in stream.Attachments.Values.ToList())
        {
            Detach(attachment);
        }

        streams.Remove(stream);
        stream.Queue.Abandon();
        if (streams.All.Count == 0)
        {
            farewell?.TrySetResult();
        }
    }

    private void Unregister(Subscription subscription)
    {
        if (!subscriptions.Remove(subscription.Id) || subscription.Query is not { } query)
        {
            return;
        }

        var owner = OwnerKey(subscription.Principal);
        if (--System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(perPrincipal, owner) == 0)
        {
            perPrincipal.Remove(owner);
        }

        subscription.Query = null;
        query.Subscriptions.Remove(subscription);
        foreach (var attachment in query.Attachments.Where(attachment => attachment.Subscription == subscription).ToList())
        {
            Detach(attachment);
            attachment.Stream.Drop(subscription.Id);
            EndIfSingle(attachment.Stream);
        }

        RemoveIfUnused(query);
    }

    private void RemoveIfUnused(LiveQuery query)
    {
        if (query.Subscriptions.Count == 0)
        {
            reader.Forget(query);
            awaitingPosition.Remove(query);
            replays.Restart(query.Replay, Changes.Lsn.Zero);
            queries.Remove(query);
        }
    }

    /// <summary>The result can no longer be kept: every subscription to it ends with the reason.</summary>
    private void End(LiveQuery query, SyncException error)
    {
        foreach (var subscription in query.Subscriptions.ToList())
        {
            End(subscription, error);
        }
    }

    private void End(Subscription subscription, SyncException error)
    {
        foreach (var attachment in subscription.Query?.Attachments.Where(attachment => attachment.Subscription == subscription).ToList() ?? [])
        {
            var stream = attachment.Stream;
            stream.Drop(subscription.Id);
            streams.Send(attachment, FrameBody.Error(error));
            Detach(attachment);
            streams.Flush(stream, position, now);
            EndIfSingle(stream);
        }

        Unregister(subscription);
    }

    private void EndIfSingle(ClientStream stream)
    {
        if (stream.IsSingle && stream.Attachments.Count == 0)
        {
            streams.Remove(stream);
            stream.Queue.Complete();
        }
    }

    private static SyncException Leaving() => new(ErrorCode.ShuttingDown, "the engine is shutting down", hint: "Connect again; the same cut resumes.");

    private void EndStreams(SyncException error)
    {
        foreach (var stream in streams.All.ToList())
        {
            foreach (var attachment in stream.Attachments.Values.ToList())
            {
                stream.Drop(attachment.Subscription.Id);
                streams.Send(attachment, FrameBody.Error(error));
            }

            streams.Flush(stream, position, now);
            stream.Queue.Complete();
        }
    }

    private void Tick()
    {
        foreach (var attachment in streams.AwaitingRoom.Where(attachment => attachment.Stream.Queue.IsEmpty).ToList())
        {
            streams.AwaitingRoom.Remove(attachment);
            reader.Want(attachment.Query);
        }

        foreach (var stream in streams.Tick(position, now))
        {
            stream.Stall();
            Close(stream);
        }

        if (now - lastClockAt >= options.ClockInterval)
        {
            lastClockAt = now;
            foreach (var query in queries.ReadingClock.Where(query => query.Attachments.Count > 0 && interruption is null))
            {
                reader.Want(query);
            }
        }

        if (awaitingPosition.Count > 0 && now - lastTransactionAt > quietStream)
        {
            // The stream fell silent below a read's upper bound.
            source.Nudge();
        }

        ShowLag();
        if (now - lastHousekeepingAt >= housekeepingInterval)
        {
            lastHousekeepingAt = now;
            KeepHouse();
        }
    }

    /// <summary>
    /// A query that stays behind holds the cuts of its streams back, and so do several whose reads meet at no cut; after a while they are shown
    /// as stale instead.
    /// </summary>
    private void ShowLag()
    {
        var reason = new SyncException(ErrorCode.QueryTimeout, "the query cannot keep up with the changes of its tables");
        streams.ShowGaps(now, reason);
        foreach (var query in streams.Behind)
        {
            foreach (var attachment in query.Attachments)
            {
                var patience = attachment.Stream.Attachments.Count > 1 ? options.MaxHold : options.MaxHold * 5;
                if (attachment.State == AttachmentState.Live && now - query.BehindSince > patience)
                {
                    streams.MakeStale(attachment, reason);
                }
            }
        }
    }

    private void KeepHouse()
    {
        // Each queue is in order of time, so what is not due yet is not looked at.
        while (unattended.TryPeek(out var oldest) && now - oldest.At > options.Unattended)
        {
            unattended.Dequeue();
            if (oldest.Subscription.AttachmentCount == 0 && oldest.Subscription.UnattendedSince == oldest.At)
            {
                Unregister(oldest.Subscription);
            }
        }

        while (expiring.TryPeek(out var subscription, out var expiry) && expiry <= now)
        {
            expiring.Dequeue();
            if (subscription.Query is not null && subscription.Principal.ExpiresAt <= now)
            {
                End(subscription, new SyncException(ErrorCode.TokenExpired, "the token has expired", hint: "Authenticate with a new token, then subscribe again."));
            }
        }

        replays.DropOld(now);

        acknowledgements.Forget(now);
        Audit();
        Count();
        if (log.Count > CommitsKeptUnsettled && !isSettling && interruption is null)
        {
            isSettling = true;
            _ = SettleAsync();
        }
    }

    /// <summary>Reads one live incremental result again and compares: what is promised is also checked.</summary>
    private void Audit()
    {
        if (options.AuditInterval == TimeSpan.Zero || now - lastAuditAt < options.AuditInterval || interruption is not null)
        {
            return;
        }

        lastAuditAt = now;
        var candidates = queries.All.Where(query => query.Template is not null && query.Attachments.Count > 0 && query.State is not null && !query.IsBehind).ToList();
        if (candidates.Count > 0)
        {
            reader.Want(candidates[auditTurn++ % candidates.Count]);
        }
    }

    /// <summary>Asks for a snapshot when no read has for long, so that the commit log can be cut.</summary>
    private async Task SettleAsync()
    {
        var read = log.BeginRead();
        try
        {
            var answer = await snapshots.ReadAsync([], Principal.Engine, stopping.Token);
            Post(() => log.Settle(answer.Snapshot));
        }
        catch (Exception failure) when (failure is SyncException or OperationCanceledException)
        {
            // The next housekeeping tries again.
        }
        finally
        {
            Post(() =>
            {
                log.EndRead(read);
                isSettling = false;
            });
        }
    }

    private static (string?, string?, string?) OwnerKey(Principal principal) => (principal.Issuer, principal.Subject, principal.Role);

    private static string NewId() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(12));
}
