namespace SyncEngine.Observability;

public enum HealthStatus
{
    Starting,
    Up,
    Down,
}

/// <summary>The state of a part of the process.</summary>
/// <param name="Detail">The fault or the step under way, for operators: no secrets, as every caller may read it.</param>
/// <param name="Since">Since when it has this status.</param>
/// <param name="Lag">The distance to what it follows; null where that has no meaning.</param>
public sealed record HealthState(HealthStatus Status, string? Detail, DateTimeOffset Since, HealthLag? Lag = null);

/// <summary>A lag, in the measures that are known.</summary>
public sealed record HealthLag(long? Bytes = null, double? Seconds = null, long? Messages = null);

/// <summary>A part of the process that must work before the process is ready: the database, the slot, a broker.</summary>
public interface IHealthPart
{
    /// <summary>Lower case, one word or more with dots: <c>database</c>, <c>outbox.ably</c>. Unique in the process.</summary>
    string Name { get; }

    /// <summary>Read at any time from any thread, without waiting for anything.</summary>
    HealthState State { get; }
}

/// <summary>A part whose owner sets its state. It begins as starting.</summary>
public sealed class HealthPart(string name, TimeProvider time) : IHealthPart
{
    private readonly Lock access = new(); // several loops of an owner may report
    private HealthState state = new(HealthStatus.Starting, null, time.GetUtcNow());

    public string Name => name;

    /// <summary>Called when the state is read; null for a part that follows nothing.</summary>
    public Func<HealthLag?>? Lag { get; init; }

    public HealthState State
    {
        get
        {
            var current = Volatile.Read(ref state);
            return Lag?.Invoke() is { } lag ? current with { Lag = lag } : current;
        }
    }

    public void Up(string? detail = null) => Become(HealthStatus.Up, detail);

    public void Down(string detail) => Become(HealthStatus.Down, detail);

    public void Starting(string? detail = null) => Become(HealthStatus.Starting, detail);

    private void Become(HealthStatus status, string? detail)
    {
        lock (access)
        {
            Volatile.Write(ref state, new HealthState(status, detail, state.Status == status ? state.Since : time.GetUtcNow()));
        }
    }
}
