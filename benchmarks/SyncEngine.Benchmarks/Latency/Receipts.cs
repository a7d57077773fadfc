using System.Buffers.Text;
using System.Diagnostics;
using SyncEngine.Benchmarks.Clients;
using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks.Latency;

/// <summary>The times at which rows came to a client. One writer: the client's reading loop.</summary>
internal sealed class Receipts
{
    private readonly List<(long Id, long At)> received = new(4096);
    private readonly Lock gate = new();

    public MessageHandler Handler => OnMessage;

    public int Count
    {
        get
        {
            lock (gate)
            {
                return received.Count;
            }
        }
    }

    public (long Id, long At)[] Taken()
    {
        lock (gate)
        {
            return [.. received];
        }
    }

    /// <summary>Finds the ids of added rows: int8 is a JSON string, the first value of its row.</summary>
    private void OnMessage(ReadOnlySpan<byte> message, long receivedAt)
    {
        var added = message.IndexOf("\"added\":["u8);
        if (added < 0)
        {
            return;
        }

        lock (gate)
        {
            var rest = message[added..];
            for (var at = rest.IndexOf("[\""u8); at >= 0; at = rest.IndexOf("[\""u8))
            {
                rest = rest[(at + 2)..];
                if (Utf8Parser.TryParse(rest, out long id, out var length) && rest[length] == '"')
                {
                    received.Add((id, receivedAt));
                }
            }
        }
    }
}

/// <summary>The latencies of a run, in ms from the confirmed commit to the received row.</summary>
internal sealed record LatencyResult(double P50, double P95, double P99, int Delivered, int Due, double CommitRate, double ProcessorMicrosecondsPerCommit)
{
    public override string ToString() => $"{P50:0.00} / {P95:0.0} / {P99:0.0}";

    public bool IsComplete => Delivered == Due;

    /// <param name="warmUp">Commits at the beginning that do not count.</param>
    public static LatencyResult Of(CommitWriter writer, IEnumerable<Receipts> receipts, int warmUp, int due, double commitRate, TimeSpan processorTime)
    {
        var delivered = 0;
        List<double> milliseconds = [];
        foreach (var (id, at) in receipts.SelectMany(receipt => receipt.Taken()))
        {
            var n = id - writer.FirstId;
            if (n < 0 || n >= writer.AcknowledgedAt.Length)
            {
                continue;
            }

            delivered++;
            if (n >= warmUp)
            {
                milliseconds.Add((at - writer.AcknowledgedAt[n]) * 1000.0 / Stopwatch.Frequency);
            }
        }

        milliseconds.Sort();
        return new LatencyResult(
            Statistics.Percentile(milliseconds, 0.5), Statistics.Percentile(milliseconds, 0.95), Statistics.Percentile(milliseconds, 0.99),
            delivered, due, commitRate, processorTime.TotalMicroseconds / writer.Commits);
    }

    /// <summary>The run whose median and tail are in the middle.</summary>
    public static LatencyResult Median(IReadOnlyList<LatencyResult> runs) => new(
        Statistics.Median(runs.Select(run => run.P50)), Statistics.Median(runs.Select(run => run.P95)), Statistics.Median(runs.Select(run => run.P99)),
        runs.Sum(run => run.Delivered), runs.Sum(run => run.Due), Statistics.Median(runs.Select(run => run.CommitRate)),
        Statistics.Median(runs.Select(run => run.ProcessorMicrosecondsPerCommit)));
}
