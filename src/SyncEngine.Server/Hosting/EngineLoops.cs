using SyncEngine.Postgres.Catalog;

namespace SyncEngine.Server.Hosting;

/// <summary>
/// Owns the engine's loops: the stream, the schema, the change processor, the plans, the publication. They begin together and end together.
/// A loop that fails stops the host, with its reason in the log.
/// </summary>
sealed partial class EngineLoops(
    IEnumerable<HostedLoop> loops,
    CatalogReader catalog,
    EngineReports reports,
    IHostApplicationLifetime lifetime,
    ILogger<EngineLoops> logger)
    : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        reports.Connect();
        await catalog.RefreshAsync(stoppingToken);
        var running = loops.Select(loop => (loop.Name, Task: loop.RunAsync(stoppingToken))).ToList();
        var ended = await Task.WhenAny(running.Select(loop => loop.Task));
        if (!stoppingToken.IsCancellationRequested)
        {
            Log.LoopEnded(logger, running.Find(loop => loop.Task == ended).Name, ended.Exception?.GetBaseException());
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }

        try
        {
            await Task.WhenAll(running.Select(loop => loop.Task));
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The ordinary end.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(2001, LogLevel.Error, "the {Loop} loop of the engine has ended")]
        public static partial void LoopEnded(ILogger logger, string loop, Exception? failure);
    }
}
