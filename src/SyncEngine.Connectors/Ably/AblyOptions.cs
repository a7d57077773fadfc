using System.ComponentModel.DataAnnotations;
using System.Text.RegularExpressions;

namespace SyncEngine.Connectors.Ably;

/// <summary>The options of Ably: its address and the credentials.</summary>
public sealed partial record AblyOptions
{
    public const string Section = "SyncEngine:Ably";

    /// <summary>An API key, <c>appId.keyId:secret</c>, with the publish capability.</summary>
    public string? Key { get; init; }

    /// <summary>With a key: ask Ably for tokens and publish with those, instead of sending the key each time. Default false.</summary>
    public bool UseTokens { get; init; }

    /// <summary>A fixed token or JWT; it cannot be renewed.</summary>
    public string? Token { get; init; }

    /// <summary>
    /// An address that answers GET with a token: text, a JWT, a TokenDetails or a TokenRequest (JSON). It is asked again when the token has
    /// expired.
    /// </summary>
    public string? AuthUrl { get; init; }

    /// <summary>The address to use instead of Ably's own hosts: https://, or http:// on loopback. It has no fallback hosts.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Bytes of name, data and extras that the account's plan takes in one publish. Default 64 KiB.</summary>
    [Range(1024, 1024 * 1024)]
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>
    /// Requests under way at once. When all are taken, the next messages of different channels share batch requests. Default 16.
    /// </summary>
    [Range(1, 256)]
    public int ConcurrentRequests { get; init; } = 16;

    /// <summary>Describes in one line what is wrong, naming the key and repeating no secret. Null when nothing is.</summary>
    public string? FindProblem()
    {
        (string Name, string? Value)[] credentials = [(nameof(Key), Key), (nameof(Token), Token), (nameof(AuthUrl), AuthUrl)];
        string[] given = [.. credentials.Where(credential => !string.IsNullOrEmpty(credential.Value)).Select(
            credential => $"{Section}:{credential.Name}")];
        return given switch
        {
            [] => $"{Section}:{nameof(Key)} is missing; {Section}:{nameof(Token)} or {Section}:{nameof(AuthUrl)} may be given instead",
            [_, _, ..] => $"{string.Join(" and ", given)} contradict each other; give one of them",
            _ when !string.IsNullOrEmpty(Key) && !KeyShape().IsMatch(Key) =>
                $"{Section}:{nameof(Key)} is not of the form appId.keyId:keySecret",
            _ when UseTokens && string.IsNullOrEmpty(Key) => $"{Section}:{nameof(UseTokens)} needs {Section}:{nameof(Key)}",
            _ when Endpoint is not null && !IsAddress(Endpoint) =>
                $"{Section}:{nameof(Endpoint)} is neither an https:// address nor an http:// address on loopback",
            _ when !string.IsNullOrEmpty(AuthUrl) && !IsAddress(AuthUrl) =>
                $"{Section}:{nameof(AuthUrl)} is neither an https:// address nor an http:// address on loopback",
            _ when Endpoint is not null && new Uri(Endpoint).Query.Length > 0 => $"{Section}:{nameof(Endpoint)} has a query",
            _ when MaxMessageBytes is < 1024 or > 1024 * 1024 => $"{Section}:{nameof(MaxMessageBytes)} is not between 1024 and 1048576",
            _ when ConcurrentRequests is < 1 or > 256 => $"{Section}:{nameof(ConcurrentRequests)} is not between 1 and 256",
            _ => null,
        };
    }

    private static bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var address)
        && (address.Scheme.Equals(Uri.UriSchemeHttps, StringComparison.Ordinal)
            || (address.Scheme.Equals(Uri.UriSchemeHttp, StringComparison.Ordinal) && address.IsLoopback))
        && address.UserInfo.Length == 0 && address.Fragment.Length == 0;

    [GeneratedRegex(@"^[^.:\s]+\.[^.:\s]+:\S+\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex KeyShape();
}
