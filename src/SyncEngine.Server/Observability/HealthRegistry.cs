using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Serialization;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>Holds every part that must work before the server is ready. Parts may be added while it runs.</summary>
sealed class HealthRegistry
{
    private readonly ConcurrentDictionary<string, IHealthPart> parts = new(StringComparer.Ordinal);

    public HealthRegistry(IEnumerable<IHealthPart> parts)
    {
        foreach (var part in parts)
        {
            Add(part);
        }
    }

    public void Add(IHealthPart part)
    {
        if (!parts.TryAdd(part.Name, part))
        {
            throw new InvalidOperationException($"a second part is called {part.Name}");
        }
    }

    public HealthReport Report()
    {
        var states = new SortedDictionary<string, HealthState>(StringComparer.Ordinal);
        foreach (var (name, part) in parts)
        {
            states.Add(name, part.State);
        }

        var status = states.Values.Any(state => state.Status == HealthStatus.Down) ? HealthStatus.Down
            : states.Values.Any(state => state.Status == HealthStatus.Starting) ? HealthStatus.Starting
            : HealthStatus.Up;
        return new HealthReport(status, ServerVersion.Text, states);
    }
}

/// <summary>The body of <c>GET /health/ready</c>.</summary>
sealed record HealthReport(HealthStatus Status, string Version, IReadOnlyDictionary<string, HealthState> Parts)
{
    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Converters = { new JsonStringEnumConverter<HealthStatus>(JsonNamingPolicy.CamelCase) },
    };

    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, json);
}
