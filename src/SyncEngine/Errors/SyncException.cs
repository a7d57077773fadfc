namespace SyncEngine.Errors;

/// <summary>
/// The one exception that carries an error to a caller, over HTTP, the hub or a frame alike.
/// The message is lower case, factual, without a full stop; detail and hint are sentences.
/// </summary>
public sealed class SyncException(ErrorCode code, string message, string? detail = null, string? hint = null) : Exception(message)
{
    public ErrorCode Code { get; } = code;

    public string? Detail { get; } = detail;

    /// <summary>An action that the caller can take.</summary>
    public string? Hint { get; } = hint;

    /// <summary>The five-character SQLSTATE when PostgreSQL raised the error.</summary>
    public string? SqlState { get; init; }

    /// <summary>The position in the query as sent, in characters, 1-based.</summary>
    public int? Position { get; init; }
}
