using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Loop;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Ports;
using SyncEngine.SchemaChanges;
using SyncEngine.Subscriptions;
using SyncEngine.Tiers;

namespace SyncEngine;

/// <summary>The parts of one engine, put together once. Each owns its own state, and the loop owns them all.</summary>
sealed class EngineParts
{
    public EngineParts(IChangeSource source, ISnapshotReader snapshots, EngineOptions options, EngineMetrics metrics, TimeProvider time)
    {
        Source = source;
        Context = new EngineContext(options, metrics, new Timeline(time));
        Consumers = new DurableConsumers(source);

        var watch = new RelationWatch(source);
        Observers = new InsertObservers(watch);
        Tiers = new TierSet(Context.Timeline.Relations, options.ScannedQueriesPerTable);

        Streams = new StreamSet(Context);
        Broadcaster = new Broadcaster(Context, Streams);

        var queries = new LiveQuerySet(Context, Tiers, watch);
        var validity = new PlanValidity();
        Queue = new ReadQueue();
        var updater = new LiveQueryUpdater(Context, Queue, Streams, SchemaSignal, validity);
        Answers = new ReadAnswers(Context, source, updater, Broadcaster);
        Reader = new ResultReader(Context, snapshots, Requests, Queue, updater);
        Reader.Answered += Answers.OnAnswered;
        Results = new Results(Context, queries, updater, Answers, Broadcaster);

        Subscriptions = new SubscriptionStreams(
            Context, Results, Streams, new SubscriptionRegistry(Context), new SubscriptionExpiry(Context));
        Plans = new PlanReplacement(Results, Subscriptions, validity);
        Processor = new ChangeProcessor(Context, Tiers, Results, Observers, Confirmations, SchemaSignal);
        Gauges = new EngineGauges(this);
        Maintenance = new Maintenance(this);
    }

    public IChangeSource Source { get; }

    public EngineContext Context { get; }

    public LoopQueue Requests { get; } = new();

    public SchemaSignal SchemaSignal { get; } = new();

    public DurableConsumers Consumers { get; }

    public InsertObservers Observers { get; }

    public WriteConfirmations Confirmations { get; } = new();

    public TierSet Tiers { get; }

    public StreamSet Streams { get; }

    public Broadcaster Broadcaster { get; }

    public ReadQueue Queue { get; }

    public ReadAnswers Answers { get; }

    public ResultReader Reader { get; }

    public Results Results { get; }

    public SubscriptionStreams Subscriptions { get; }

    public PlanReplacement Plans { get; }

    public ChangeProcessor Processor { get; }

    public EngineGauges Gauges { get; }

    public Maintenance Maintenance { get; }
}
