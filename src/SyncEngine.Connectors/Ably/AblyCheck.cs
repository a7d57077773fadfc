using System.Text.RegularExpressions;

namespace SyncEngine.Connectors.Ably;

/// <summary>Whether <see cref="AblyOptions"/> can be used, told before anything is sent. Nothing here repeats a secret.</summary>
static partial class AblyCheck
{
    public static bool HasCredentials(AblyOptions options) =>
        !string.IsNullOrWhiteSpace(options.Key) || !string.IsNullOrWhiteSpace(options.Token) || !string.IsNullOrWhiteSpace(options.AuthUrl);

    /// <returns>The option and what is wrong with it; null when all is well.</returns>
    public static string? Problem(AblyOptions options) => options switch
    {
        _ when !HasCredentials(options) => $"{nameof(options.Key)} is needed for publishing to Ably: appId.keyId:keySecret (or Token, or AuthUrl)",
        { Key: { } key } when !string.IsNullOrWhiteSpace(key) && !KeyForm().IsMatch(key) => $"{nameof(options.Key)} must be an API key of the form appId.keyId:keySecret",
        { UseTokens: true } when string.IsNullOrWhiteSpace(options.Key) => $"{nameof(options.UseTokens)} needs a Key",
        { AuthUrl: { } url } when !string.IsNullOrWhiteSpace(url) && !IsSafe(url) => $"{nameof(options.AuthUrl)} must be an https:// address (http:// on loopback alone)",
        { Endpoint: { } endpoint } when !string.IsNullOrWhiteSpace(endpoint) && !IsSafe(endpoint) => $"{nameof(options.Endpoint)} must be an https:// address (http:// on loopback alone)",
        _ => null,
    };

    private static bool IsSafe(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out var uri) && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    [GeneratedRegex(@"^[^\s.:]+\.[^\s.:]+:\S+$", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex KeyForm();
}
