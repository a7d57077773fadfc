using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Ably;
using SyncEngine.Connectors.Hub;

namespace SyncEngine.Connectors.Targets;

/// <summary>Every kind of target there is. A new one is a file of its own and a line here.</summary>
public static class TargetCatalog
{
    /// <summary>In the order in which they are taken where no rule says where channels go: the first that is configured.</summary>
    public static IReadOnlyList<TargetKind> All { get; } =
    [
        TargetKind.Of<AblyOptions>(
            "ably", AblyOptions.Section, AblyCheck.HasCredentials, AblyCheck.Problem,
            (options, parts) => new AblyTarget(options, parts.Time, parts.Random, parts.Loggers.CreateLogger<AblyTarget>())),
        TargetKind.Of("hub", parts => new HubTarget(parts.Database, parts.Time, parts.Loggers.CreateLogger<HubTarget>())),
    ];

    public static TargetKind? Find(string name) => All.FirstOrDefault(kind => kind.Name.Equals(name, StringComparison.OrdinalIgnoreCase));
}
