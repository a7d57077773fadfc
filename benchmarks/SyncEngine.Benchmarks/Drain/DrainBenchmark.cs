using Npgsql;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>
/// The rate at which a backlog of 300,000 rows is read, against pg_recvlogical on the same kind of socket in the same round.
/// </summary>
internal sealed class DrainBenchmark : IBenchmark
{
    private const int Rows = 300_000;

    public string Name => "drain";

    public string Summary => $"a backlog of {Rows:N0} rows: rows/s, and the ratio to pg_recvlogical on the same kind of socket in the same round";

    public async Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken)
    {
        foreach (var rowsPerTransaction in new[] { 1, 1000 })
        {
            await using var backlog = await Backlog.CreateAsync(context.Address().ConnectionString, Rows, rowsPerTransaction, cancellationToken);
            foreach (var (kind, address) in new[] { ("TCP", context.Address()), ("Unix socket", context.Address(overUnixSocket: true)) })
            {
                if (context.Options.Includes($"{rowsPerTransaction}-row transactions, {kind}"))
                {
                    await MeasureAsync(context, backlog, address, $"{rowsPerTransaction:N0}-row transactions, {kind}", Limit(rowsPerTransaction, kind), cancellationToken);
                }
            }
        }
    }

    private static async Task MeasureAsync(
        BenchmarkContext context, Backlog backlog, NpgsqlConnectionStringBuilder address, string line, double limit, CancellationToken cancellationToken)
    {
        (string Client, Func<Task<TimeSpan>> Drain)[] clients =
        [
            ("pg_recvlogical", () => PgRecvlogical.DrainAsync(address, backlog, cancellationToken)),
            ("the source alone", () => SourceDrain.RunAsync(address, backlog, cancellationToken)),
            ("the engine, 1,000 live queries that match nothing", () => EngineDrain.RunAsync(address, backlog, firstRoom: 5000, cancellationToken)),
            ("the engine, 1,000 live queries, every row delivered", () => EngineDrain.RunAsync(address, backlog, firstRoom: 0, cancellationToken)),
        ];
        var rates = clients.ToDictionary(client => client.Client, _ => new List<double>(), StringComparer.Ordinal);
        for (var round = 0; round < context.Options.Rounds; round++)
        {
            foreach (var (client, drain) in clients)
            {
                rates[client].Add(Rows / (await drain()).TotalSeconds);
            }
        }

        var reference = rates[clients[0].Client];
        foreach (var (client, _) in clients)
        {
            var ratio = Statistics.Median(rates[client].Zip(reference, (ours, theirs) => ours / theirs));
            var hasLimit = client == "the source alone";
            context.Report.Add(new Figure($"{line}: {client}", hasLimit ? $"{limit:0.00} ×" : "", "", $"{Statistics.Median(rates[client]):N0} rows/s, {ratio:0.00} ×"));
        }
    }

    /// <summary>The rates of a raw message stream and a decoder, as a ratio to pg_recvlogical on that kind of socket.</summary>
    private static double Limit(int rowsPerTransaction, string kind) => (rowsPerTransaction, kind) switch
    {
        (1, "TCP") => 2.07,
        (1, _) => 1.01,
        (_, "TCP") => 1.65,
        _ => 0.89,
    };
}
