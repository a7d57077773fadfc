namespace SyncEngine.Server.Hosting;

/// <summary>One loop of the engine. It runs until it is cancelled; any other end is a failure.</summary>
/// <param name="Name">The loop, as the log names it.</param>
sealed record HostedLoop(string Name, Func<CancellationToken, Task> RunAsync);
