using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Channels;

namespace SyncEngine.Connectors;

/// <summary>The kinds of targets. A new kind is a file of its own and a line here.</summary>
public static class TargetCatalog
{
    /// <summary>In order of preference. When the configuration has no rules, the first kind that is configured gets all channels.</summary>
    public static IReadOnlyList<TargetKind> All { get; } =
    [
        TargetKind.Of<AblyOptions>(
            "ably", AblyOptions.Section,
            options => $"{options.Key}{options.Token}{options.AuthUrl}".Length > 0, options => options.FindProblem(),
            (options, parts) => new AblyTarget(options, parts.Time, parts.Random, parts.Loggers.CreateLogger<AblyTarget>())),
        TargetKind.Of("hub", parts => new HubTarget(parts.Services.GetRequiredService<ChannelMessages>(), parts.Time)),
    ];

    public static TargetKind? Find(string name) => All.FirstOrDefault(kind => kind.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
