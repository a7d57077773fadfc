using SyncEngine.Benchmarks.Running;

namespace SyncEngine.Benchmarks;

/// <summary>One command of this program.</summary>
internal interface IBenchmark
{
    string Name { get; }

    /// <summary>One line: what is measured.</summary>
    string Summary { get; }

    Task RunAsync(BenchmarkContext context, CancellationToken cancellationToken);
}
