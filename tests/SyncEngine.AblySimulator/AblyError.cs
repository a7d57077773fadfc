namespace SyncEngine.AblySimulator;

/// <summary>The error of a request, or of one spec of a batch.</summary>
sealed record AblyError(int Status, int Code, string Message, TimeSpan? RetryAfter = null)
{
    public static AblyError BadRequest(string message) => new(400, 40000, message);
}

/// <summary>Ends the handling of a request with an error for the whole of it.</summary>
sealed class AblyException(AblyError error) : Exception(error.Message)
{
    public AblyError Error => error;
}
