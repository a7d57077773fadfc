namespace SyncEngine.Tests.Simulation;

/// <summary>Runs continuations on the thread that steps the simulation, in the order in which they were posted: the same seed gives the same run.</summary>
sealed class StepContext : SynchronizationContext
{
    private readonly Queue<(SendOrPostCallback Callback, object? State)> waiting = new();

    public override void Post(SendOrPostCallback d, object? state) => waiting.Enqueue((d, state));

    public override void Send(SendOrPostCallback d, object? state) => d(state);

    public void Drain()
    {
        while (waiting.TryDequeue(out var next))
        {
            next.Callback(next.State);
        }
    }

    /// <summary>Runs a test with this context as the current one.</summary>
    public void Run(Action body)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            body();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }
}
