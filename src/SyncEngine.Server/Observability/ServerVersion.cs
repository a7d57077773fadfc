using System.Reflection;

namespace SyncEngine.Server.Observability;

/// <summary>The version that health, metrics and the command line show.</summary>
static class ServerVersion
{
    public static string Text { get; } =
        typeof(ServerVersion).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion;
}
