using SyncEngine.Observability;
using SyncEngine.Options;

namespace SyncEngine.Tests.Simulation;

/// <summary>
/// The whole engine among models of everything around it, stepped by draws from one seed. Throws at the first thing that the
/// contract does not allow.
/// </summary>
sealed class World : IDisposable
{
    private static readonly TimeSpan tick = TimeSpan.FromMilliseconds(20);

    private readonly StepContext context = new();
    private readonly ManualTime time = new();
    private readonly EngineMetrics metrics = new();
    private readonly Random random;
    private readonly ModelDatabase database;
    private readonly ModelSource source;
    private readonly ModelReader reader;
    private readonly LiveQueryEngine engine;
    private readonly List<SimulatedClient> clients = [];
    private readonly List<Task> underWay = [];
    private readonly bool hasFaults;
    private TimeSpan sinceTick;
    private string? mismatch;

    public World(int seed)
    {
        random = new Random(seed);
        database = new ModelDatabase(random);
        source = new ModelSource(database, random);
        reader = new ModelReader(database, random);
        hasFaults = random.Next(2) == 0;
        var options = new EngineOptions
        {
            MaxQueuedBytes = random.Next(3) switch { 0 => 500, 1 => 2_000, _ => 1_000_000 },
            ChunkBytes = random.Next(3) == 0 ? 100 : 100_000,
            MaxHold = TimeSpan.FromMilliseconds(random.Next(3) * 200),
            ReplayBytes = random.Next(2) == 0 ? 1_000 : 1_000_000,
            ConcurrentReads = 1 + random.Next(4),
            ReadBatch = 1 + random.Next(5),
            AuditInterval = random.Next(2) == 0 ? TimeSpan.Zero : TimeSpan.FromMilliseconds(500),
        };
        engine = new LiveQueryEngine(source, reader, options, metrics, time);
        engine.Mismatch += (query, added, updated, removed) => mismatch = $"{query}: {added} added, {updated} updated, {removed} removed";
        for (var i = 0; i < 3; i++)
        {
            clients.Add(new SimulatedClient($"client {i}", engine, database, random) { Pace = random.Next(3) == 0 ? 1 : int.MaxValue });
        }
    }

    /// <summary>Number of diffs that the clients have applied; a run without any shows nothing.</summary>
    public int Diffs => clients.Sum(client => client.Diffs);

    public void Run(int steps) => context.Run(() =>
    {
        for (var i = 0; i < 3; i++)
        {
            database.Commit(isVisible: true);
        }

        reader.FailsOneIn = hasFaults ? 25 : 0;
        source.Connect(isContinuation: false);
        for (var i = 0; i < steps; i++)
        {
            Step();
        }

        Settle();
    });

    public void Dispose() => metrics.Dispose();

    private void Step()
    {
        switch (random.Next(20))
        {
            case 0:
                database.Begin();
                break;
            case 1:
                database.Abort();
                break;
            case < 6:
                database.Commit(isVisible: random.Next(3) > 0);
                break;
            case < 8:
                database.MakeOneVisible();
                break;
            case < 11:
                source.Deliver(mayTellPosition: random.Next(3) == 0);
                break;
            case < 13:
                reader.Step();
                break;
            case 13:
                Pass(TimeSpan.FromMilliseconds(random.Next(20) == 0 ? 1_500 : random.Next(30)));
                break;
            case 14 when hasFaults && random.Next(10) == 0:
                if (source.IsConnected)
                {
                    source.Interrupt();
                }
                else
                {
                    source.Connect(isContinuation: random.Next(3) > 0);
                }

                break;
            case < 17:
                underWay.Add(clients[random.Next(clients.Count)].ActAsync());
                break;
            default:
                clients[random.Next(clients.Count)].Read();
                break;
        }

        if (random.Next(2) == 0)
        {
            Round();
        }
    }

    private void Pass(TimeSpan span)
    {
        time.Advance(span);
        sinceTick += span;
    }

    private void Round()
    {
        var isTick = sinceTick >= tick;
        sinceTick = isTick ? TimeSpan.Zero : sinceTick;
        while (engine.RunRound(isTick, CancellationToken.None))
        {
            isTick = false;
        }

        context.Drain();
        underWay.RemoveAll(task =>
        {
            if (task.IsFaulted)
            {
                task.GetAwaiter().GetResult();
            }

            return task.IsCompleted;
        });
        if (mismatch is not null)
        {
            throw new InvalidOperationException($"a live result was not PostgreSQL's: {mismatch}");
        }
    }

    /// <summary>Ends every fault, writes once more, and lets everything come to rest: then every client must be current.</summary>
    private void Settle()
    {
        reader.FailsOneIn = 0;
        if (!source.IsConnected)
        {
            source.Connect(isContinuation: true);
        }

        database.MakeAllVisible();
        foreach (var table in database.Tables)
        {
            for (var i = 0; i < 3; i++)
            {
                database.Commit(isVisible: true, table);
            }
        }

        for (var i = 0; i < 1_000; i++)
        {
            source.Deliver(mayTellPosition: true);
            reader.Step();
            Pass(tick);
            Round();
            foreach (var client in clients)
            {
                if (client.IsStalled)
                {
                    underWay.Add(client.ActAsync());
                }

                client.Read(all: true);
            }
        }

        foreach (var client in clients.Where(client => client.IsConnected))
        {
            if (client.Attached.FirstOrDefault(replica => replica.State != ReplicaState.Live) is { } behind)
            {
                throw new InvalidOperationException($"{behind} is left behind");
            }

            if (client.Attached.Any() && client.LastCut < database.Commits[^1].EndLsn)
            {
                throw new InvalidOperationException($"a stream was sent the cut {client.LastCut} and no more");
            }
        }
    }
}
