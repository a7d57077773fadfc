using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Hub;
using SyncEngine.Postgres.Channels;

namespace SyncEngine.Connectors.Targets;

/// <summary>Every kind of target there is. A new one is a file of its own and a line here.</summary>
public static class TargetCatalog
{
    /// <summary>In the order in which they are taken where no rule says where channels go: the first that is configured.</summary>
    public static IReadOnlyList<TargetKind> All { get; } =
    [
        TargetKind.Of<AblyOptions>(
            "ably", AblyOptions.Section, options => $"{options.Key}{options.Token}{options.AuthUrl}".Length > 0, options => options.FindProblem(),
            (options, parts) => new AblyTarget(options, parts.Time, parts.Random, parts.Loggers.CreateLogger<AblyTarget>())),
        TargetKind.Of("hub", parts => new HubTarget(parts.Services.GetRequiredService<ChannelMessages>(), parts.Time)),
    ];

    public static TargetKind? Find(string name) => All.FirstOrDefault(kind => kind.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
