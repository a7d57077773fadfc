namespace SyncEngine.Benchmarks;

/// <summary>One command of this program. It prints ratios against a limit that it measures in the same run.</summary>
internal interface IBenchmark
{
    string Name { get; }

    /// <summary>One line: the arguments, and what is measured.</summary>
    string Usage { get; }

    Task<int> RunAsync(IReadOnlyList<string> arguments, CancellationToken cancellationToken);
}
