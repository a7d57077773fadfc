using System.Threading.Channels;

namespace SyncEngine.Loop;

/// <summary>Requests to read the schema again, from the loop to the task that follows the schema.</summary>
/// <remarks>Requests coalesce: one refresh answers every request that came before it began.</remarks>
sealed class SchemaSignal
{
    private readonly Channel<bool> requests =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });

    private int isPauseRequested;
    private bool hasFollower;

    /// <summary>The loop waits at a DDL message until the schema has been read; written and read on the loop.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Requests, for the one task that follows the schema.</summary>
    public ChannelReader<bool> Follow()
    {
        Volatile.Write(ref hasFollower, true);
        return requests.Reader;
    }

    public void RequestRefresh() => requests.Writer.TryWrite(true);

    /// <summary>Stops the stream until <see cref="Resume"/>; without a follower it goes on at once.</summary>
    public void Pause()
    {
        if (Volatile.Read(ref hasFollower))
        {
            IsPaused = true;
            RequestPause();
        }
    }

    public void Resume() => IsPaused = false;

    /// <summary>Asks again, after a refresh that failed.</summary>
    public void RequestPause()
    {
        Volatile.Write(ref isPauseRequested, 1);
        RequestRefresh();
    }

    /// <summary>Takes the request over: the refresh that follows ends the pause.</summary>
    public bool TakePause() => Interlocked.Exchange(ref isPauseRequested, 0) == 1;
}
