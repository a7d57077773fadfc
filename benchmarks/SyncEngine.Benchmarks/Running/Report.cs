using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;

namespace SyncEngine.Benchmarks.Running;

/// <summary>One line of a table.</summary>
/// <param name="Limit">The limit of the part, or another engine's figure; empty where there is none.</param>
/// <param name="Goal">Empty where none is set.</param>
/// <param name="IsMet">Null without a goal.</param>
/// <param name="Shortfall">How far from the goal, or a remark.</param>
internal sealed record Figure(string Line, string Limit, string Goal, string Measured, bool? IsMet = null, string Shortfall = "");

/// <summary>Prints figures as they come and keeps them for RESULTS.md.</summary>
internal sealed class Report
{
    private readonly List<(string Name, string Summary, List<Figure> Figures)> tables = [];

    public void Begin(string name, string summary)
    {
        tables.Add((name, summary, []));
        Console.WriteLine($"{name}: {summary}");
    }

    public void Add(Figure figure)
    {
        tables[^1].Figures.Add(figure);
        Console.WriteLine($"  {figure.Line}: {figure.Measured}   [limit or other: {OrDash(figure.Limit)}; goal: {OrDash(figure.Goal)}] {Standing(figure)}");
    }

    public async Task WriteAsync(string path, BenchmarkOptions options, CancellationToken cancellationToken)
    {
        var text = new StringBuilder();
        text.AppendLine("# Results").AppendLine();
        text.AppendLine("Written by `dotnet run -c Release --project benchmarks/SyncEngine.Benchmarks all`. Server, PostgreSQL, writer and clients share the machine: compare ratios within a run, not machines.");
        text.AppendLine("Latencies are p50 / p95 / p99 in ms from the commit acknowledged to the row received; the other engine is Zero 1.9, one node, measured on a machine of the same size.").AppendLine();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{Environment.ProcessorCount} cores, {RuntimeInformation.OSDescription}, {RuntimeInformation.FrameworkDescription}; medians of {options.Rounds}, latency runs of {options.Seconds} s; {Load()}.");
        foreach (var (name, summary, figures) in tables)
        {
            text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"## {name}").AppendLine().AppendLine(summary).AppendLine();
            text.AppendLine("| line | limit or other engine | goal | measured | |").AppendLine("| --- | --- | --- | --- | --- |");
            foreach (var figure in figures)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"| {figure.Line} | {OrDash(figure.Limit)} | {OrDash(figure.Goal)} | {figure.Measured} | {Standing(figure)} |");
            }
        }

        await File.WriteAllTextAsync(path, text.ToString(), cancellationToken);
    }

    /// <summary>The load of the machine, with everything that runs on it.</summary>
    private static string Load() => File.Exists("/proc/loadavg") ? $"load average at the end {string.Join(' ', File.ReadAllText("/proc/loadavg").Split(' ')[..3])}" : "load not known";

    private static string Standing(Figure figure) => figure.IsMet switch
    {
        true => "✓",
        false => $"short: {figure.Shortfall}",
        null => figure.Shortfall,
    };

    private static string OrDash(string text) => text.Length == 0 ? "–" : text;
}
