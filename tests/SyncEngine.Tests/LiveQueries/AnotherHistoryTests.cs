using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Tests.Loop;
using SyncEngine.Tests.Simulation;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.LiveQueries;

/// <summary>A server that comes back behind the position: its log repeats positions that the engine has seen.</summary>
public sealed class AnotherHistoryTests : IDisposable
{
    private readonly StepContext context = new();
    private readonly EngineMetrics metrics = new();
    private readonly ManualTime time = new();
    private readonly RecordingSource source = new();
    private readonly EmptyReader reader = new();
    private readonly LiveQueryEngine engine;

    public AnotherHistoryTests() => engine = new LiveQueryEngine(source, reader, new EngineOptions(), metrics, time);

    [Fact]
    public void A_commit_at_a_position_of_the_old_history_is_a_change() => context.Run(() =>
    {
        var plan = ModelQuery.Named("items all, read again").Plan;
        var subscription = Do(engine.RegisterAsync(Principal.Engine, plan, [], CancellationToken.None));
        source.Start(from: 100);
        source.Commit(xid: 5, endLsn: 200, plan.Tables[0]);
        source.Start(from: 150);
        Pass();
        var stream = Do(new StreamService(engine).StreamAsync(Principal.Engine, subscription.Id, null, CancellationToken.None));
        Pass();
        Assert.Equal(1, reader.Reads);

        source.Commit(xid: 6, endLsn: 200, plan.Tables[0]);
        Pass();
        Assert.Equal(2, reader.Reads);
        Assert.False(stream.Queue.IsEmpty);
    });

    public void Dispose() => metrics.Dispose();

    private T Do<T>(Task<T> task)
    {
        Pass();
        Assert.True(task.IsCompleted);
        return task.GetAwaiter().GetResult();
    }

    private void Pass()
    {
        for (var i = 0; i < 10; i++)
        {
            time.Advance(TimeSpan.FromMilliseconds(20));
            engine.RunRound(isTick: true, CancellationToken.None);
            context.Drain();
        }
    }

    /// <summary>Answers at once that there are no rows, and shows every transaction.</summary>
    private sealed class EmptyReader : ISnapshotReader
    {
        public int Reads { get; private set; }

        public Task<SnapshotRead> ReadAsync(
            IReadOnlyList<SnapshotRequest> requests, Principal principal, CancellationToken cancellationToken)
        {
            Reads += requests.Count;
            return Task.FromResult(new SnapshotRead(
                new PgSnapshot(1_000, 1_000, []),
                Lsn.Zero,
                [.. requests.Select(_ => new SnapshotResult(new ResultRows([], 0), null))]));
        }
    }
}
