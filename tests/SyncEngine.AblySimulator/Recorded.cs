namespace SyncEngine.AblySimulator;

/// <summary>A request as it arrived.</summary>
/// <param name="Target">Path and query as sent, percent-encoding untouched.</param>
public sealed record RecordedRequest(
    DateTimeOffset At, string Method, string Target, IReadOnlyDictionary<string, string> Headers, string Body);

public enum Outcome
{
    /// <summary>Stored, and delivered to subscribers.</summary>
    Stored,

    /// <summary>Its id was stored before, within the window: answered as a success, and not delivered.</summary>
    Repeated,

    Refused,
}

/// <summary>A message that arrived. The answer may differ from the outcome, because some faults come after storing.</summary>
/// <param name="Position">Rises with every arrival of the whole simulator.</param>
/// <param name="Data">The text of <c>data</c>: the string itself, or the JSON of what is not a string.</param>
/// <param name="Extras">JSON text.</param>
/// <param name="Code">The code of its refusal; 0 when it was not refused.</param>
public sealed record RecordedMessage(
    long Position,
    DateTimeOffset At,
    string Channel,
    string? Id,
    string? Name,
    string? Data,
    string? Encoding,
    string? ClientId,
    string? Extras,
    bool InBatch,
    Outcome Outcome,
    int Code);
