using SyncEngine.Changes;

namespace SyncEngine.Postgres.Replication;

/// <summary>A transaction of which nothing was kept.</summary>
internal sealed class EmptySpool : IMessageSpool
{
    public static readonly EmptySpool Instance = new();

    public IEnumerable<ReadOnlyMemory<byte>> Read() => [];

    public void Dispose()
    {
    }
}

/// <summary>A transaction inside one arena: the usual case.</summary>
internal sealed class SegmentSpool(ArenaSegment segment) : IMessageSpool
{
    private int isDisposed;

    public IEnumerable<ReadOnlyMemory<byte>> Read() => [segment.Memory];

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
        {
            segment.Arena.Release();
        }
    }
}

/// <summary>A transaction over several arenas.</summary>
internal sealed class MemorySpool(ArenaSegment[] segments) : IMessageSpool
{
    private int isDisposed;

    public IEnumerable<ReadOnlyMemory<byte>> Read() => segments.Select(segment => segment.Memory);

    public void Dispose()
    {
        if (Interlocked.Exchange(ref isDisposed, 1) == 0)
        {
            foreach (var segment in segments)
            {
                segment.Arena.Release();
            }
        }
    }
}
