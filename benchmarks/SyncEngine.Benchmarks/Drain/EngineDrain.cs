using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Threading.Channels;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Benchmarks.Engine;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Observability;
using SyncEngine.Options;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;
using SyncEngine.Values;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>
/// Source and change processor with 1,000 live queries, one per room, on ten streams: from the source's start until the position is the backlog's
/// end and everything has been taken from the streams.
/// </summary>
internal static class EngineDrain
{
    private const int Queries = 1000;
    private const int Streams = 10;
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(60);

    /// <param name="firstRoom">0: every row is in one of the rooms. Above the backlog's rooms: none is.</param>
    public static async Task<TimeSpan> RunAsync(NpgsqlConnectionStringBuilder server, Backlog backlog, int firstRoom, CancellationToken cancellationToken)
    {
        var source = new ReplicationSource(
            new ReplicationSourceOptions
            {
                ConnectionString = server.ConnectionString,
                Publication = Backlog.Publication,
                SlotName = await backlog.CopySlotAsync(cancellationToken),
                IsPersistent = true,
            },
            TimeProvider.System,
            NullLogger<ReplicationSource>.Instance);
        using var metrics = new EngineMetrics();
        // Room for the whole backlog: a stream that is reset would be read again from a table that is not empty any more.
        var options = new EngineOptions { AuditInterval = TimeSpan.Zero, MaxQueuedBytes = 1024 * 1024 * 1024 };
        await using var engine = new LiveQueryEngine(new StartedSource(source, backlog), new EmptyTable(backlog), options, metrics, TimeProvider.System);
        var service = new StreamService(engine);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var processing = engine.RunAsync(stop.Token);
        var plan = RoomQuery.PlanFor(backlog.Table);
        var streams = new List<ClientStream>();
        for (var i = 0; i < Streams; i++)
        {
            streams.Add(await service.OpenAsync(Principal.Engine, cancellationToken));
        }

        for (var i = 0; i < Queries; i++)
        {
            var subscription = await engine.RegisterAsync(Principal.Engine, plan, [(firstRoom + i).ToString(CultureInfo.InvariantCulture)], cancellationToken);
            await service.AttachAsync(streams[i % Streams], subscription.Id, null, cancellationToken);
        }

        // Every query is live before the first transaction comes.
        var delivered = 0;
        var live = 0;
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        var taking = streams.Select(TakeAsync).ToList();
        while (Volatile.Read(ref live) < Queries)
        {
            await timer.WaitForNextTickAsync(cancellationToken);
        }

        var due = firstRoom == 0 ? backlog.Rows : 0;
        var began = Stopwatch.GetTimestamp();
        var streaming = source.RunAsync(stop.Token);
        while (engine.Position < backlog.End || Volatile.Read(ref delivered) < due)
        {
            await timer.WaitForNextTickAsync(cancellationToken);
            if (Stopwatch.GetElapsedTime(began) > timeout)
            {
                await stop.CancelAsync();
                await Task.WhenAll(processing, streaming);
                throw new InvalidOperationException($"after {timeout} at {engine.Position} of {backlog.End}, {delivered} of {due} rows delivered; source: {source.Status}");
            }

            if (processing.IsCompleted || streaming.IsCompleted)
            {
                await Task.WhenAll(processing, streaming);
                throw new InvalidOperationException("the engine ended before the backlog did");
            }
        }

        var took = Stopwatch.GetElapsedTime(began);
        await stop.CancelAsync();
        await Task.WhenAll([processing, streaming, .. taking]);
        return delivered == due ? took : throw new InvalidOperationException($"{delivered} rows were delivered instead of {due}");

        async Task TakeAsync(ClientStream stream)
        {
            await foreach (var frame in stream.Queue.ReadAllAsync(CancellationToken.None))
            {
                if (frame.Body.Diff is { } diff)
                {
                    Interlocked.Add(ref delivered, diff.Added.Count);
                }
                else if (frame.Body.Type == FrameType.Live)
                {
                    Interlocked.Increment(ref live);
                }
            }
        }
    }

    /// <summary>The source, which has said already that it starts: so queries can be live at the position from which the backlog is read.</summary>
    private sealed class StartedSource(ReplicationSource source, Backlog backlog) : ChannelReader<SourceEvent>, IChangeSource
    {
        private SourceEvent? first = new SourceEvent.Started(backlog.Start, "", IsContinuation: false);

        public ChannelReader<SourceEvent> Events => this;

        public override bool TryRead([MaybeNullWhen(false)] out SourceEvent item)
        {
            item = Interlocked.Exchange(ref first, null);
            return item is not null || (source.Events.TryRead(out item) && (item is not SourceEvent.Started || source.Events.TryRead(out item)));
        }

        public override ValueTask<bool> WaitToReadAsync(CancellationToken cancellationToken = default) =>
            Volatile.Read(ref first) is not null ? ValueTask.FromResult(true) : source.Events.WaitToReadAsync(cancellationToken);

        public Task RunAsync(CancellationToken cancellationToken) => source.RunAsync(cancellationToken);

        public long Watch(IReadOnlyCollection<uint> relationOids) => source.Watch(relationOids);

        public void Acknowledge(Lsn position) => source.Acknowledge(position);

        public void EmitProgressMessage()
        {
            // The backlog moves the position.
        }
    }

    /// <summary>Answers every read as the database would have when the slot was made: the table had no rows.</summary>
    private sealed class EmptyTable(Backlog backlog) : ISnapshotReader
    {
        public Task<SnapshotRead> ReadAsync(IReadOnlyList<SnapshotRequest> requests, Principal principal, CancellationToken cancellationToken) =>
            Task.FromResult(new SnapshotRead(backlog.SnapshotBefore, backlog.Start, [.. requests.Select(_ => new SnapshotResult(Nothing(), null))]));

        private static ResultRows Nothing() => new([], 0);
    }
}
