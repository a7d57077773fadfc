using System.Collections.Immutable;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using Xunit;

namespace SyncEngine.Tests.Simulation;

/// <summary>Shared results while their plan is replaced, step by step.</summary>
public sealed class ChangedPlanTests : IDisposable
{
    private static readonly Principal alice = new("i", "alice", "app", """{"sub":"alice"}""", null);
    private static readonly Principal bob = new("i", "bob", "app", """{"sub":"bob"}""", null);

    private readonly StepContext context = new();
    private readonly EngineMetrics metrics = new();
    private readonly ModelDatabase database;
    private readonly ModelSource source;
    private readonly ModelReader reader;
    private readonly LiveQueryEngine engine;
    private readonly StreamService streams;
    private readonly ManualTime time = new();

    public ChangedPlanTests()
    {
        var random = new Random(1);
        database = new ModelDatabase(random);
        source = new ModelSource(database, random);
        reader = new ModelReader(database, random);
        engine = new LiveQueryEngine(source, reader, new EngineOptions { ScannedQueriesPerTable = 2 }, metrics, time);
        streams = new StreamService(engine);
        source.Connect(isContinuation: false);
    }

    [Fact]
    public void When_policies_appear_a_shared_result_stays_with_the_token_that_planned_it_and_the_others_end() => context.Run(() =>
    {
        var before = ModelQuery.Named("items all").Plan.ReadBy(alice);
        var own = Stream(alice, before);
        var other = Stream(bob, before);
        Settle();
        Do(engine.ReplacePlansAsync(Followed(before, before with { Scope = new PlanScope("items all, alice", alice, DependsOnClaims: true) }), CancellationToken.None));
        Settle();
        Assert.DoesNotContain(FrameType.Error, Types(own));
        Assert.Equal(FrameType.Error, Types(other)[^1]);
    });

    [Fact]
    public void Results_that_become_the_same_are_both_kept_live() => context.Run(() =>
    {
        var shared = ModelQuery.Named("items all").Plan;
        var (one, two) = (shared.ReadBy(alice, "alice"), shared.ReadBy(bob, "bob"));
        ClientStream[] streams = [Stream(alice, one), Stream(bob, two)];
        Settle();
        Do(engine.ReplacePlansAsync(Followed(one, shared), CancellationToken.None));
        Do(engine.ReplacePlansAsync(Followed(two, shared.ReadBy(bob)), CancellationToken.None));
        Settle();
        Assert.All(streams, stream => Assert.Contains(FrameType.Live, Types(stream)));
        source.Interrupt();
        Settle();
        Assert.All(streams, stream => Assert.Equal(FrameType.Stale, Types(stream)[^1]));
        source.Connect(isContinuation: false);
        Settle();
        Assert.All(streams, stream => Assert.Contains(FrameType.Live, Types(stream)));
    });

    [Fact]
    public void A_client_is_sent_the_plan_that_its_query_really_got() => context.Run(() =>
    {
        var plan = ModelQuery.Named("items all").Plan;
        ClientStream[] first = [Stream(alice, plan.ReadBy(alice, "1")), Stream(alice, plan.ReadBy(alice, "2"))];
        var subscription = Do(engine.RegisterAsync(alice, plan.ReadBy(alice, "3"), [], CancellationToken.None));
        var stream = Do(streams.StreamAsync(alice, subscription.Id, null, CancellationToken.None));
        Settle();
        Assert.Equal("requery", subscription.Plan.Tier.Mode);
        Assert.Contains(FrameType.Live, Types(stream));

        // There is still no room for it in the faster tier, so nothing has changed for the client.
        Do(engine.ReplacePlansAsync(Followed(subscription.Plan, plan.ReadBy(alice, "3")), CancellationToken.None));
        Settle();
        Assert.Equal("requery", subscription.Plan.Tier.Mode);
        Assert.Empty(Types(stream));

        Do(streams.CloseAsync(first[0], CancellationToken.None));
        time.Advance(new EngineOptions().Unattended + TimeSpan.FromSeconds(2));
        Settle();
        Do(engine.ReplacePlansAsync(Followed(subscription.Plan, plan.ReadBy(alice, "3")), CancellationToken.None));
        Settle();
        Assert.Equal("incremental", subscription.Plan.Tier.Mode);
        Assert.Equal([FrameType.Live], Types(stream));
    });

    [Fact]
    public void Nothing_can_be_attached_to_a_stream_that_has_ended() => context.Run(() =>
    {
        var subscription = Do(engine.RegisterAsync(alice, ModelQuery.Named("items all").Plan, [], CancellationToken.None));
        var stream = Do(streams.OpenAsync(alice, CancellationToken.None));
        Do(streams.CloseAsync(stream, CancellationToken.None));
        var refused = Assert.Throws<SyncException>(() => Do(streams.AttachAsync(stream, subscription.Id, null, CancellationToken.None)));
        Assert.Equal(ErrorCode.InvalidRequest, refused.Code);
    });

    public void Dispose() => metrics.Dispose();

    private static Dictionary<QueryPlan, PlanOutcome> Followed(QueryPlan invalidated, QueryPlan plan) =>
        new(ReferenceEqualityComparer.Instance) { [invalidated] = new PlanReplaced(plan) };

    private static List<FrameType> Types(ClientStream stream)
    {
        List<FrameType> types = [];
        while (stream.Queue.TryTake(out var frame))
        {
            types.Add(frame.Body.Type);
        }

        // The marks between them do not matter here.
        types.RemoveAll(type => type == FrameType.Cut);
        return types;
    }

    private ClientStream Stream(Principal principal, QueryPlan plan)
    {
        var subscription = Do(engine.RegisterAsync(principal, plan, ImmutableArray<string?>.Empty, CancellationToken.None));
        return Do(streams.StreamAsync(principal, subscription.Id, null, CancellationToken.None));
    }

    private T Do<T>(Task<T> task)
    {
        Do((Task)task);
        return task.GetAwaiter().GetResult();
    }

    private void Do(Task task)
    {
        Round();
        Assert.True(task.IsCompleted);
        task.GetAwaiter().GetResult();
    }

    private void Settle()
    {
        for (var i = 0; i < 20; i++)
        {
            source.Deliver(mayTellPosition: true);
            reader.Step();
            time.Advance(TimeSpan.FromMilliseconds(20));
            Round();
        }
    }

    private void Round()
    {
        engine.RunRound(isTick: true, CancellationToken.None);
        context.Drain();
    }
}
