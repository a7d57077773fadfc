using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Permissions;
using SyncEngine.Planning;

namespace SyncEngine.Subscriptions;

/// <summary>Brings subscriptions, their live queries and the streams that show them together, and ends them. Owned by the loop.</summary>
sealed class SubscriptionStreams
{
    private readonly EngineContext context;
    private readonly Results results;
    private readonly StreamSet streams;
    private readonly SubscriptionRegistry registry;
    private readonly SubscriptionExpiry expiry;
    private TaskCompletionSource? drained;

    public SubscriptionStreams(
        EngineContext context, Results results, StreamSet streams, SubscriptionRegistry registry, SubscriptionExpiry expiry)
    {
        this.context = context;
        this.results = results;
        this.streams = streams;
        this.registry = registry;
        this.expiry = expiry;
        results.Updater.Ended += End;
    }

    /// <summary>Registers a subscription; nothing is read until a stream shows it.</summary>
    /// <exception cref="SyncException">
    /// With <c>too_many_subscriptions</c>, or with <c>schema_changed</c> for a plan that the schema has outdated.
    /// </exception>
    public Subscription Register(Principal principal, QueryPlan plan, ImmutableArray<string?> parameters)
    {
        registry.CheckQuota(principal);
        var query = results.Queries.FindOrAdd(plan, parameters);
        if (!plan.HasSameShapeAs(query.Plan))
        {
            throw new SyncException(ErrorCode.SchemaChanged, "the schema changed while the query was planned", hint: "Subscribe again.");
        }

        var subscription = registry.Add(principal, query);
        expiry.WatchUnattended(subscription);
        expiry.WatchToken(subscription);
        results.Updater.InvalidateIfOutdated(query);
        return subscription;
    }

    /// <exception cref="SyncException">With <c>unknown_subscription</c>, for one of another principal too.</exception>
    public Subscription Find(Principal principal, string id) => registry.Find(principal, id);

    public void Unregister(Subscription subscription)
    {
        if (!registry.Remove(subscription) || subscription.Query is not { } query)
        {
            return;
        }

        subscription.Query = null;
        query.Subscriptions.Remove(subscription);
        foreach (var attachment in AttachmentsOf(subscription.Id, query))
        {
            Detach(attachment);
            attachment.Stream.Drop(subscription.Id);
            CloseIfSingle(attachment.Stream);
        }

        results.RemoveIfUnused(query);
    }

    /// <summary>Opens a stream for a connection. An open stream begins with a cut; a single one has its subscription alone.</summary>
    /// <exception cref="SyncException">With <c>shutting_down</c> while the engine drains.</exception>
    public ClientStream Open(Principal principal, bool isSingle)
    {
        if (drained is not null)
        {
            throw ShuttingDown();
        }

        var stream = new ClientStream(SubscriptionRegistry.NewId(), principal, isSingle, context.Options.MaxQueuedBytes);
        streams.Add(stream);
        if (!isSingle)
        {
            var position = context.Timeline.Position;
            stream.Enqueue(null, FrameBody.OfCut(position), position);
            stream.LastSentCut = position;
            streams.Touch(stream);
        }

        return stream;
    }

    /// <param name="from">The last cut that the client has applied; null for none.</param>
    public void Attach(ClientStream stream, Subscription subscription, string? from)
    {
        if (!streams.All.Contains(stream))
        {
            throw new SyncException(ErrorCode.InvalidRequest, "the stream has ended", hint: "Open another one.");
        }

        if (stream.Attachments.ContainsKey(subscription.Id))
        {
            throw new SyncException(ErrorCode.InvalidRequest, "the subscription is attached to this stream already");
        }

        var query = subscription.Query!;
        var attachment = new Attachment(subscription.Id, query.Audience, stream);
        stream.Attachments.Add(subscription.Id, attachment);
        query.Audience.Attachments.Add(attachment);
        subscription.AttachmentCount++;
        if (from is not null)
        {
            // A text that is no cut of this history is treated as one that is too old.
            attachment.From = Lsn.TryParse(from, out var cut) && cut <= context.Timeline.Position ? cut : new Lsn(ulong.MaxValue);
        }

        results.Join(query, attachment);
    }

    /// <summary>Takes a subscription off a stream. No frame of it follows, not even one that is queued.</summary>
    /// <exception cref="SyncException">With <c>unknown_subscription</c> when it is not attached.</exception>
    public void Detach(ClientStream stream, string subscriptionId)
    {
        if (!stream.Attachments.TryGetValue(subscriptionId, out var attachment))
        {
            throw new SyncException(ErrorCode.UnknownSubscription, "no such subscription is attached to this stream");
        }

        Detach(attachment);
        stream.Forget(subscriptionId);
    }

    public void Close(ClientStream stream)
    {
        foreach (var attachment in stream.Attachments.Values.ToList())
        {
            Detach(attachment);
        }

        streams.Remove(stream);
        stream.Queue.Abandon();
        if (streams.All.Count == 0)
        {
            drained?.TrySetResult();
        }
    }

    /// <summary>Gives a stream a newer token of the same principal.</summary>
    /// <returns>The subscriptions whose plan uses other claims: they need another plan.</returns>
    /// <exception cref="SyncException">With <c>permission_denied</c> when the token is another principal's.</exception>
    public IReadOnlyList<Subscription> Authenticate(ClientStream stream, Principal principal)
    {
        if (!stream.Principal.IsSameAs(principal))
        {
            throw new SyncException(ErrorCode.PermissionDenied, "the token is another principal's", hint: "Open a new connection.");
        }

        stream.Principal = principal;
        List<Subscription> outdated = [];
        foreach (var id in stream.Attachments.Keys)
        {
            var subscription = registry.Get(id)!;
            subscription.Principal = principal;
            expiry.WatchToken(subscription);
            if (subscription.Plan.DependsOnClaims && subscription.Plan.Reader.Claims != principal.Claims)
            {
                outdated.Add(subscription);
            }
        }

        return outdated;
    }

    /// <summary>Moves a subscription to another plan, because its claims have changed: its attachments get a new snapshot.</summary>
    public void Move(Subscription subscription, QueryPlan plan)
    {
        if (subscription.Query is not { } before)
        {
            return;
        }

        var after = results.Queries.FindOrAdd(plan, subscription.Parameters);
        subscription.Plan = plan;
        subscription.Query = after;
        after.Subscriptions.Add(subscription);
        before.Subscriptions.Remove(subscription);
        foreach (var attachment in AttachmentsOf(subscription.Id, before))
        {
            streams.Detach(attachment);
            attachment.Stream.Drop(subscription.Id);
            var moved = new Attachment(subscription.Id, after.Audience, attachment.Stream);
            attachment.Stream.Attachments.Add(subscription.Id, moved);
            after.Audience.Attachments.Add(moved);
            streams.Reset(moved, ErrorCode.PermissionsChanged);
        }

        results.RemoveIfUnused(before);
        results.Updater.InvalidateIfOutdated(after);
        results.Updater.Raise(after, LiveQueryEvent.RowsNeeded);
    }

    /// <summary>Ends every subscription to a result that cannot be kept.</summary>
    public void End(LiveQuery query, SyncException reason)
    {
        foreach (var subscription in query.Subscriptions.ToList())
        {
            End(subscription, reason);
        }
    }

    public void End(Subscription subscription, SyncException reason)
    {
        if (subscription.Query is { } query)
        {
            foreach (var attachment in AttachmentsOf(subscription.Id, query))
            {
                var stream = attachment.Stream;
                stream.Drop(subscription.Id);
                streams.Send(attachment, FrameBody.Error(reason));
                Detach(attachment);
                streams.Flush(stream);
                CloseIfSingle(stream);
            }
        }

        Unregister(subscription);
    }

    /// <summary>Ends the subscriptions that no stream has shown for long, and those whose token has expired.</summary>
    public void EndDue()
    {
        foreach (var subscription in expiry.TakeUnattended())
        {
            Unregister(subscription);
        }

        foreach (var subscription in expiry.TakeExpired())
        {
            End(subscription, new SyncException(
                ErrorCode.TokenExpired, "the token has expired", hint: "Authenticate with a new token, then subscribe again."));
        }
    }

    /// <summary>Asks for the rows of attachments that were reset because their queue was full, once it is empty.</summary>
    public void ReadWhereRoom()
    {
        foreach (var attachment in streams.TakeThoseWithRoom())
        {
            if (registry.Get(attachment.SubscriptionId)?.Query is { } query)
            {
                results.Updater.Raise(query, LiveQueryEvent.RowsNeeded);
            }
        }
    }

    /// <summary>Closes the streams whose client has stopped reading.</summary>
    public void CloseStalled()
    {
        foreach (var stream in streams.Tick())
        {
            stream.Stall();
            Close(stream);
        }
    }

    /// <summary>Ends every stream, and refuses new ones.</summary>
    /// <returns>Completes when every stream has been read to its end.</returns>
    public Task Drain()
    {
        drained ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        EndAll(ShuttingDown());
        if (streams.All.Count == 0)
        {
            drained.TrySetResult();
        }

        return drained.Task;
    }

    /// <summary>Ends every stream with an error; what is queued may still be read.</summary>
    public void EndAll(SyncException reason)
    {
        foreach (var stream in streams.All.ToList())
        {
            foreach (var attachment in stream.Attachments.Values.ToList())
            {
                stream.Drop(attachment.SubscriptionId);
                streams.Send(attachment, FrameBody.Error(reason));
            }

            streams.Flush(stream);
            stream.Queue.Complete();
        }
    }

    public static SyncException ShuttingDown() =>
        new(ErrorCode.ShuttingDown, "the engine is shutting down", hint: "Connect again; the same cut resumes.");

    private static List<Attachment> AttachmentsOf(string subscriptionId, LiveQuery query) =>
        query.Audience.Attachments.FindAll(attachment => attachment.SubscriptionId == subscriptionId);

    private void Detach(Attachment attachment)
    {
        streams.Detach(attachment);
        if (registry.Get(attachment.SubscriptionId) is { } subscription && --subscription.AttachmentCount == 0)
        {
            expiry.WatchUnattended(subscription);
        }
    }

    private void CloseIfSingle(ClientStream stream)
    {
        if (stream.IsSingle && stream.Attachments.Count == 0)
        {
            streams.Remove(stream);
            stream.Queue.Complete();
        }
    }
}
