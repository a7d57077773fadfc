namespace SyncEngine.AblySimulator;

/// <summary>A fault that the simulator makes on request.</summary>
public abstract record Fault
{
    private Fault()
    {
    }

    /// <summary>Refuses before anything is stored. On some channels of a batch: their specs alone.</summary>
    public sealed record Refuse(int Status, int Code, TimeSpan? RetryAfter = null) : Fault;

    /// <summary>Stores, then drops the connection: the answer is lost.</summary>
    public sealed record LoseAnswer : Fault;

    /// <summary>Stores, then answers with a failure.</summary>
    public sealed record StoreThenFail(int Status = 500, int Code = 50000) : Fault;

    /// <summary>Keeps the request, before storing, until the fault is lifted. Then it is handled as usual.</summary>
    public sealed record Hang : Fault;

    /// <summary>Drops the connection before anything is stored.</summary>
    public sealed record Reset : Fault;

    /// <summary>Waits before the request is handled.</summary>
    public sealed record Delay(TimeSpan Wait) : Fault;

    /// <summary>An answer of the content network before Ably: its server header, and no JSON.</summary>
    public sealed record ContentNetwork(int Status = 403) : Fault;

    /// <summary>Something that is not Ably answers in its place; nothing is stored.</summary>
    public sealed record Impostor(string ContentType, string Body, int Status = 200) : Fault;

    /// <summary>Answers that there is no such endpoint. Usually for <see cref="Endpoints.Batch"/>.</summary>
    public sealed record Missing(int Status = 404) : Fault;
}

/// <summary>The endpoints that a fault applies to.</summary>
[Flags]
public enum Endpoints
{
    Single = 1,
    Batch = 2,
    Publishing = Single | Batch,
    Tokens = 4,
    All = Publishing | Tokens,
}
