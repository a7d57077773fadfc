using SyncEngine.Connectors.Outbox;
using SyncEngine.Connectors.Targets;
using SyncEngine.Server.Databases;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Hosting;

/// <summary>The targets that rules name, each made once, and the rules that lead to them.</summary>
sealed class OutboxRoutes : IAsyncDisposable
{
    public OutboxRoutes(OutboxSettings settings, OutboxDatabase database, IServiceProvider services)
    {
        // Seeded by the clock of the process: the randomness is that of waits, which must differ between nodes.
        var time = services.GetRequiredService<TimeProvider>();
        var random = new Random(HashCode.Combine(Environment.ProcessId, time.GetTimestamp()));
        var parts = new TargetParts(database.DataSource, services, time, random, services.GetRequiredService<ILoggerFactory>());
        var made = settings.Rules
            .Select(rule => rule.Target)
            .DistinctBy(target => target.Kind)
            .ToDictionary(target => target.Kind, target => target.Kind.Create(target.Options, parts));
        Targets = [.. made.Values];
        All = [.. settings.Rules.Select(rule => new TargetRoute(rule.Pattern, made[rule.Target.Kind]))];
    }

    public IReadOnlyList<IMessageTarget> Targets { get; }

    public IReadOnlyList<TargetRoute> All { get; }

    public async ValueTask DisposeAsync()
    {
        foreach (var target in Targets)
        {
            await target.DisposeAsync();
        }
    }
}
