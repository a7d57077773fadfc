using System.Globalization;
using Npgsql;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>From rows in a table to messages at Ably's simulator: how many a second, how soon, and at what cost to the database.</summary>
internal sealed class OutboxBenchmark : IBenchmark
{
    private const string Database = "outbox_benchmark";

    public string Name => "outbox";

    public string Summary => "rows of the outbox published to the Ably simulator, beside the simulator's ceiling for the same requests and the Ably target alone; simulator, PostgreSQL, writer and connectors share the machine";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        var address = context.Address();
        await new OutboxRows(address.ConnectionString).ExecuteAsync($"DROP DATABASE IF EXISTS {Database}", cancellationToken);
        await new OutboxRows(address.ConnectionString).ExecuteAsync($"CREATE DATABASE {Database}", cancellationToken);
        var rows = new OutboxRows(new NpgsqlConnectionStringBuilder(address.ConnectionString) { Database = Database }.ConnectionString);
        foreach (var channels in new[] { 1, 16, 100, 1_000 })
        {
            await new Throughput(context, rows, channels).RunAsync(cancellationToken);
        }

        await new OutboxLatency(context, rows).RunAsync(cancellationToken);
        await new HeldBacklog(context, rows).RunAsync(cancellationToken);
    }

    /// <summary>Rounds and statements, for each row and each second.</summary>
    public static string Cost(DatabaseWork work, int rows, TimeSpan duration)
    {
        double[] rounds = [.. work.RoundSeconds.Order()];
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{work.Statements / (double)rows:0.000} statements a row; {rounds.Length / duration.TotalSeconds:N0} rounds/s of {Statistics.Percentile(rounds, 0.5) * 1000:0.0} ms (p95 {Statistics.Percentile(rounds, 0.95) * 1000:0.0})");
    }
}
