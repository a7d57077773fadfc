using System.Collections.Concurrent;
using System.Threading.Channels;
using SyncEngine.Errors;

namespace SyncEngine.Loop;

/// <summary>Requests to the engine's loop, which runs them one at a time between transactions.</summary>
/// <remarks>Backpressure: a caller waits for room. The engine's own tasks never wait; there are few of them.</remarks>
sealed class LoopQueue
{
    private const int Capacity = 65_536;

    private readonly Channel<Action> requests = Channel.CreateBounded<Action>(
        new BoundedChannelOptions(Capacity) { SingleReader = true, FullMode = BoundedChannelFullMode.Wait });

    // Answers of the engine's own tasks while the channel is full; at most a few per read under way.
    private readonly ConcurrentQueue<Action> overflow = new();

    /// <summary>Runs something on the loop and returns its result.</summary>
    /// <exception cref="SyncException">With <c>shutting_down</c> when the loop has ended.</exception>
    public async Task<T> InvokeAsync<T>(Func<T> action, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            await requests.Writer.WriteAsync(() => Run(action, done), cancellationToken);
        }
        catch (ChannelClosedException)
        {
            throw new SyncException(ErrorCode.ShuttingDown, "the engine is shutting down");
        }

        return await done.Task.WaitAsync(cancellationToken);
    }

    public Task InvokeAsync(Action action, CancellationToken cancellationToken) => InvokeAsync(
        () =>
        {
            action();
            return true;
        },
        cancellationToken);

    /// <summary>Hands over the answer of one of the engine's own tasks.</summary>
    public void Post(Action action)
    {
        if (!requests.Writer.TryWrite(action))
        {
            overflow.Enqueue(action);
        }
    }

    public Task<bool> WaitAsync(CancellationToken cancellationToken) => requests.Reader.WaitToReadAsync(cancellationToken).AsTask();

    /// <summary>Runs requests that wait, at most so many. True when more may be waiting.</summary>
    public bool Drain(int most)
    {
        while (overflow.TryDequeue(out var answer))
        {
            answer();
        }

        for (var i = 0; i < most; i++)
        {
            if (!requests.Reader.TryRead(out var request))
            {
                return false;
            }

            request();
        }

        return true;
    }

    /// <summary>Refuses further requests and runs those that came too late: each caller gets an answer.</summary>
    public void Complete()
    {
        requests.Writer.TryComplete();
        while (Drain(Capacity))
        {
        }
    }

    private static void Run<T>(Func<T> action, TaskCompletionSource<T> done)
    {
        try
        {
            done.TrySetResult(action());
        }
        catch (Exception failure)
        {
            done.TrySetException(failure);
        }
    }
}
