using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Changes;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>Our source, with a consumer that walks every change and finds every column; from its start to the backlog's end.</summary>
internal static class SourceDrain
{
    public static async Task<TimeSpan> RunAsync(NpgsqlConnectionStringBuilder server, Backlog backlog, CancellationToken cancellationToken)
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
        source.Watch([backlog.Table]);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var allocated = GC.GetTotalAllocatedBytes();
        var processor = Environment.CpuUsage;
        var began = Stopwatch.GetTimestamp();
        var running = source.RunAsync(stop.Token);
        var rows = await ConsumeAsync(source, backlog, cancellationToken);
        var took = Stopwatch.GetElapsedTime(began);
        if (Environment.GetEnvironmentVariable("BENCHMARK_VERBOSE") is not null)
        {
            var used = Environment.CpuUsage;
            Console.WriteLine($"    {(used.UserTime - processor.UserTime).TotalMicroseconds / rows:F2} µs user and {(used.PrivilegedTime - processor.PrivilegedTime).TotalMicroseconds / rows:F2} µs system time per row");
            Console.WriteLine($"    {(GC.GetTotalAllocatedBytes() - allocated) / (double)rows:F1} bytes allocated per row");
        }

        await stop.CancelAsync();
        await running;
        return rows == backlog.Rows ? took : throw new InvalidOperationException($"{rows} rows came instead of {backlog.Rows}");
    }

    private static async Task<int> ConsumeAsync(ReplicationSource source, Backlog backlog, CancellationToken cancellationToken)
    {
        var relations = new RelationMap();
        var slices = new ColumnSlice[64];
        var rows = 0;
        while (await source.Events.WaitToReadAsync(cancellationToken))
        {
            while (source.Events.TryRead(out var happened))
            {
                switch (happened)
                {
                    case SourceEvent.Transaction transaction:
                        using (var committed = transaction.Committed)
                        {
                            rows += Walk(committed, relations, slices);
                            source.Acknowledge(committed.EndLsn);
                            if (committed.EndLsn >= backlog.End)
                            {
                                return rows;
                            }
                        }

                        break;
                    case SourceEvent.Position position when position.Lsn >= backlog.End:
                        return rows;
                    case SourceEvent.Interrupted interrupted:
                        throw new InvalidOperationException(interrupted.Reason);
                }
            }
        }

        return rows;
    }

    private static int Walk(CommittedTransaction committed, RelationMap relations, ColumnSlice[] slices)
    {
        var rows = 0;
        foreach (var chunk in committed.Chunks)
        {
            var change = new ChangeReader(chunk.Span, relations);
            while (change.Read())
            {
                if (change.Kind == ChangeKind.Insert)
                {
                    change.New.Locate(slices);
                    rows++;
                }
            }
        }

        return rows;
    }
}
