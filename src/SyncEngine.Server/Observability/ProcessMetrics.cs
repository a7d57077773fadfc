using System.Diagnostics.Metrics;
using SyncEngine.Observability;

namespace SyncEngine.Server.Observability;

/// <summary>The instruments of the process itself: memory, garbage collection, threads.</summary>
sealed class ProcessMetrics : IDisposable
{
    private readonly Meter meter = new($"{EngineMetrics.MeterName}.Process");

    public ProcessMetrics(TimeProvider time)
    {
        var start = (time.GetUtcNow() - DateTimeOffset.UnixEpoch).TotalSeconds;
        var version = new Measurement<int>(1, new KeyValuePair<string, object?>("version", ServerVersion.Text));
        meter.CreateObservableGauge("sync_build_info", () => version, description: "The version that runs.");
        meter.CreateObservableGauge(
            "process_start_time_seconds", () => start,
            description: "When the process started, in seconds since 1970.");
        meter.CreateObservableGauge(
            "process_resident_memory_bytes", () => Environment.WorkingSet,
            description: "Memory that the process holds.");
        meter.CreateObservableCounter(
            "process_cpu_seconds_total", () => Environment.CpuUsage.TotalTime.TotalSeconds,
            description: "Processor time that the process used.");
        meter.CreateObservableGauge(
            "dotnet_gc_heap_bytes", () => GC.GetTotalMemory(forceFullCollection: false),
            description: "Bytes of objects on the managed heap.");
        meter.CreateObservableCounter(
            "dotnet_gc_allocated_bytes_total", () => GC.GetTotalAllocatedBytes(),
            description: "Bytes allocated on the managed heap.");
        meter.CreateObservableCounter(
            "dotnet_gc_pause_seconds_total", () => GC.GetTotalPauseDuration().TotalSeconds,
            description: "Time that the process paused for garbage collection.");
        meter.CreateObservableCounter("dotnet_gc_collections_total", Collections, description: "Garbage collections, by generation.");
        meter.CreateObservableGauge("dotnet_threadpool_threads", () => ThreadPool.ThreadCount, description: "Threads of the thread pool.");
        meter.CreateObservableGauge(
            "dotnet_threadpool_queue_length", () => ThreadPool.PendingWorkItemCount,
            description: "Work that waits for a thread.");
        meter.CreateObservableCounter(
            "dotnet_threadpool_completed_total", () => ThreadPool.CompletedWorkItemCount,
            description: "Work that the thread pool has done.");
    }

    public void Dispose() => meter.Dispose();

    private static IEnumerable<Measurement<long>> Collections()
    {
        for (var generation = 0; generation <= GC.MaxGeneration; generation++)
        {
            yield return new Measurement<long>(GC.CollectionCount(generation), new KeyValuePair<string, object?>("generation", generation));
        }
    }
}
