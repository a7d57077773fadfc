using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>The load of a run's publishers on the database.</summary>
/// <param name="RoundSeconds">Of each round.</param>
internal sealed record DatabaseWork(long Statements, IReadOnlyList<double> RoundSeconds);

/// <summary>Connectors of this process that publish one outbox together, each with a pool of its own, as processes have.</summary>
internal sealed class Publishers : IAsyncDisposable
{
    private readonly CancellationTokenSource stopping = new();
    private readonly OutboxMetrics metrics = new();
    private readonly MeterListener listener = new();
    private readonly ConcurrentQueue<double> rounds = new();
    private readonly List<NpgsqlDataSource> databases = [];
    private readonly List<NotificationListener> listeners = [];
    private readonly List<Task> running = [];
    private long statements;

    private Publishers()
    {
        // Meters of earlier runs are disposed of by now.
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument == metrics.Statements || instrument == metrics.RoundTime)
            {
                listening.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, more, _, _) => Interlocked.Add(ref statements, more));
        listener.SetMeasurementEventCallback<double>((_, seconds, _, _) => rounds.Enqueue(seconds));
        listener.Start();
    }

    /// <param name="targets">One for each connector.</param>
    public static Publishers Start(string connectionString, IReadOnlyList<IMessageTarget> targets)
    {
        var publishers = new Publishers();
        foreach (var target in targets)
        {
            var database = NpgsqlDataSource.Create(SessionSettings.Apply(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = true, MaxPoolSize = 10 }));
            publishers.databases.Add(database);
            var listener = new NotificationListener(
                database, new NotificationListenerOptions(), TimeProvider.System, NullLogger<NotificationListener>.Instance);
            publishers.listeners.Add(listener);
            var connector = new OutboxConnector(
                new OutboxOptions(),
                new OutboxConnections(database, listener, [new TargetRoute("*", target)], CommitOrder: null),
                new OutboxInstruments(new OutboxHealth(TimeProvider.System), publishers.metrics),
                TimeProvider.System,
                NullLoggerFactory.Instance);
            publishers.running.Add(connector.RunAsync(publishers.stopping.Token));
        }

        return publishers;
    }

    /// <summary>From now on.</summary>
    public void ResetCounts()
    {
        Interlocked.Exchange(ref statements, 0);
        rounds.Clear();
    }

    public DatabaseWork Work => new(Interlocked.Read(ref statements), [.. rounds]);

    /// <summary>Waits until everything under way is sent and settled.</summary>
    public async Task StopAsync()
    {
        await stopping.CancelAsync();
        await Task.WhenAll(running);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (var notifications in listeners)
        {
            await notifications.DisposeAsync();
        }

        foreach (var database in databases)
        {
            await database.DisposeAsync();
        }

        listener.Dispose();
        metrics.Dispose();
        stopping.Dispose();
    }
}
