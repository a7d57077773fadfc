using Npgsql;

namespace SyncEngine.Benchmarks.Drain;

/// <summary>How fast a backlog of 300,000 rows is read, against pg_recvlogical on the same server in the same round.</summary>
internal sealed class DrainBenchmark : IBenchmark
{
    private const int Rows = 300_000;
    private const int DefaultRounds = 3;

    public string Name => "drain";

    public string Usage => "PORT SOCKET_DIRECTORY [ROUNDS]: backlog of 1-row and 1000-row transactions against pg_recvlogical (wal_level=logical, superuser postgres, pg_recvlogical in PATH)";

    public async Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken)
    {
        if (arguments.Count is < 2 or > 3 || !int.TryParse(arguments[0], out var port))
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        var rounds = arguments.Count == 3 ? int.Parse(arguments[2]) : DefaultRounds;
        var tcp = new NpgsqlConnectionStringBuilder { Host = "127.0.0.1", Port = port, Username = "postgres", Database = "postgres", Pooling = false };
        var unix = new NpgsqlConnectionStringBuilder(tcp.ConnectionString) { Host = arguments[1] };
        foreach (var rowsPerTransaction in new[] { 1, 1000 })
        {
            await using var backlog = await Backlog.CreateAsync(tcp.ConnectionString, Rows, rowsPerTransaction, cancellationToken);
            var rates = new Dictionary<string, List<double>>(StringComparer.Ordinal);
            for (var round = 0; round < rounds; round++)
            {
                await MeasureAsync("pg_recvlogical TCP", () => PgRecvlogical.DrainAsync(tcp, backlog, cancellationToken));
                await MeasureAsync("SyncEngine TCP", () => SourceDrain.RunAsync(tcp, backlog, cancellationToken));
                await MeasureAsync("pg_recvlogical Unix", () => PgRecvlogical.DrainAsync(unix, backlog, cancellationToken));
                await MeasureAsync("SyncEngine Unix", () => SourceDrain.RunAsync(unix, backlog, cancellationToken));
            }

            Console.WriteLine($"{rowsPerTransaction}-row transactions, {Rows:N0} rows, median of {rounds}:");
            var reference = Median(rates["pg_recvlogical TCP"]);
            foreach (var (client, measured) in rates)
            {
                var same = Median(rates[client.Replace("SyncEngine", "pg_recvlogical", StringComparison.Ordinal)]);
                Console.WriteLine($"  {client,-20} {Median(measured),10:N0} rows/s   {Median(measured) / reference,5:F2} × pg_recvlogical TCP   {Median(measured) / same,5:F2} × pg_recvlogical on that socket");
            }

            async Task MeasureAsync(string client, Func<Task<TimeSpan>> drain)
            {
                var took = await drain();
                if (!rates.TryGetValue(client, out var list))
                {
                    rates[client] = list = [];
                }

                list.Add(Rows / took.TotalSeconds);
            }
        }

        return 0;
    }

    private static double Median(List<double> values) => values.Order().ElementAt(values.Count / 2);
}
