using System.Security.Cryptography;

namespace SyncEngine.Server.Errors;

/// <summary>The id of an internal error: the client quotes it, and the log has the details under it.</summary>
static class IncidentId
{
    public static string Next() => RandomNumberGenerator.GetHexString(12, lowercase: true);

    public static string Hint(string id) => $"Report it, and quote {id}.";
}
