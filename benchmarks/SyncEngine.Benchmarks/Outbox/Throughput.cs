using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.AblySimulator;
using SyncEngine.Benchmarks.Running;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>A backlog that one commit has left, published by connectors that run already.</summary>
internal sealed class Throughput(BenchmarkContext context, OutboxRows rows, int channels)
{
    private const int ConcurrentRequests = 16;
    private static readonly TimeSpan duration = TimeSpan.FromSeconds(3);

    /// <summary>One channel has one message under way, so its rows take longer.</summary>
    private readonly int backlog = channels == 1 ? 5_000 : 20_000;

    private readonly string line = $"{channels.ToString("N0", CultureInfo.InvariantCulture)} {(channels == 1 ? "channel" : "channels")}";

    /// <summary>Rows a second, and what they cost.</summary>
    private sealed record Run(double Rate, DatabaseWork Work, TimeSpan Took);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (!context.Options.Includes(line))
        {
            return;
        }

        var ceilings = new List<double>();
        var alone = new List<(double Rate, double PerRequest)>();
        var runs = new[] { "to nowhere", "one connector", "three connectors" }.ToDictionary(kind => kind, _ => new List<Run>(), StringComparer.Ordinal);
        await using var ably = await SimulatedAbly.StartAsync(new SimulatorOptions { KeepMessages = false, KeepRequests = false });
        await AloneAsync(ably, TimeSpan.FromSeconds(1), cancellationToken); // until the code is compiled
        var warmUp = new CountingTarget();
        await PublishAsync(1, () => warmUp, () => warmUp.Count, cancellationToken);
        for (var round = 0; round < context.Options.Rounds; round++)
        {
            alone.Add(await AloneAsync(ably, duration, cancellationToken));
            using (var bare = new BareRequests(ably, ConcurrentRequests))
            {
                ceilings.Add(await bare.RateAsync(Math.Min(channels, ConcurrentRequests), (int)Math.Max(1, Math.Round(alone[^1].PerRequest)), duration, cancellationToken));
            }

            var none = new CountingTarget();
            runs["to nowhere"].Add(await PublishAsync(1, () => none, () => none.Count, cancellationToken));
            runs["one connector"].Add(await PublishAsync(1, () => Target(ably), () => ably.StoredCount, cancellationToken));
            runs["three connectors"].Add(await PublishAsync(3, () => Target(ably), () => ably.StoredCount, cancellationToken));
        }

        var ceiling = Statistics.Median(ceilings);
        var target = Statistics.Median(alone.Select(measured => measured.Rate));
        context.Report.Add(new Figure($"{line}: bare HttpClient, {Math.Round(alone[^1].PerRequest):N0} in a request", "", "", $"{ceiling:N0} messages/s"));
        context.Report.Add(new Figure($"{line}: the Ably target alone", "", "", $"{target:N0} messages/s", Shortfall: $"{target / ceiling:0.00} × bare"));
        foreach (var (kind, measured) in runs)
        {
            var typical = measured.OrderBy(run => run.Rate).ElementAt(measured.Count / 2);
            var ratio = string.Equals(kind, "to nowhere", StringComparison.Ordinal) ? "" : $"{typical.Rate / target:0.00} × target alone, {typical.Rate / ceiling:0.00} × bare";
            context.Report.Add(new Figure($"{line}: outbox, {kind}", "", "", $"{typical.Rate:N0} rows/s; {OutboxBenchmark.Cost(typical.Work, backlog, typical.Took)}", Shortfall: ratio));
        }
    }

    public static AblyTarget Target(SimulatedAbly ably) => new(
        new AblyOptions { Key = ably.Key, Endpoint = ably.Address.ToString(), ConcurrentRequests = ConcurrentRequests }, TimeProvider.System, new Random(1), NullLogger<AblyTarget>.Instance);

    private async Task<(double Rate, double PerRequest)> AloneAsync(SimulatedAbly ably, TimeSpan time, CancellationToken cancellationToken)
    {
        await using var target = Target(ably);
        var run = Guid.NewGuid().ToString("N");
        var requests = ably.RequestCount;
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, channels).Select(number => Task.Run(() => SendAsync($"{run}:{number}"), cancellationToken)));
        return (counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds, counts.Sum() / (double)Math.Max(1, ably.RequestCount - requests));

        async Task<long> SendAsync(string channel)
        {
            var sent = 0L;
            while (Stopwatch.GetElapsedTime(began) < time)
            {
                var message = new OutboundMessage(channel, $"{++sent}", "event", """{"room": 42, "body": "some words that a person wrote"}""", """{"x-ably-models-event-uuid":"1234","source":"benchmark"}""");
                if ((await target.PublishAsync([message], cancellationToken)).Refusal is { } refusal)
                {
                    throw new InvalidOperationException(refusal.Reason);
                }
            }

            return sent;
        }
    }

    private async Task<Run> PublishAsync(int connectors, Func<IMessageTarget> create, Func<long> count, CancellationToken cancellationToken)
    {
        await rows.CreateAsync(cancellationToken);
        IMessageTarget[] targets = [.. Enumerable.Range(0, connectors).Select(_ => create())];
        var before = count();
        await using var publishers = Publishers.Start(rows.ConnectionString, targets);
        var run = Guid.NewGuid().ToString("N")[..8];
        await rows.FillAsync(100 * connectors, $"'{run}:warm:' || n", cancellationToken); // every connector has a part of them, and is alive when it has sent it
        await UntilAsync(() => count() - before, 100 * connectors, cancellationToken);
        publishers.ResetCounts();
        await rows.FillAsync(backlog, $"'{run}:' || n % {channels.ToString(CultureInfo.InvariantCulture)}", cancellationToken);
        var began = Stopwatch.GetTimestamp();
        await UntilAsync(() => count() - before, backlog + (100 * connectors), cancellationToken);
        var took = Stopwatch.GetElapsedTime(began);
        await publishers.StopAsync();
        foreach (var target in targets)
        {
            await target.DisposeAsync();
        }

        return new Run(backlog / took.TotalSeconds, publishers.Work, took);
    }

    private static async Task UntilAsync(Func<long> count, long due, CancellationToken cancellationToken)
    {
        using var timeout = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        timeout.CancelAfter(TimeSpan.FromMinutes(2));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(2));
        while (count() < due)
        {
            await timer.WaitForNextTickAsync(timeout.Token);
        }
    }
}
