using SyncEngine.Observability;
using SyncEngine.Options;

namespace SyncEngine.Loop;

/// <summary>The parts that everything on the loop shares.</summary>
sealed record EngineContext(EngineOptions Options, EngineMetrics Metrics, Timeline Timeline);
