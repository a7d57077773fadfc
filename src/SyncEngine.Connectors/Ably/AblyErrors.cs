using System.Globalization;
using System.Net;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>Classifies Ably's errors, by code where there is one, else by status.</summary>
/// <remarks>Codes: https://github.com/ably/ably-common/blob/main/protocol/errors.json</remarks>
static class AblyErrors
{
    public const int BatchPartlyFailed = 40020;
    public const int InvalidChannelName = 40010;
    public const int TooLarge = 40009;
    public const int InvalidExtras = 40032;
    public const int TimestampNotCurrent = 40104;
    public const int NoCapability = 40160;
    public const int TooManyChannels = 90010;

    private const int MaxReasonLength = 200;

    /// <summary>The token has expired, was revoked or is unknown: a new one may help.</summary>
    public static bool IsAboutToken(int code) => code is >= 40140 and <= 40149;

    /// <summary>
    /// The error is not about a message or a channel: a rate limit, or credentials. Sending channels one by one would only cost more
    /// requests.
    /// </summary>
    public static bool IsOfAnyMessage(Refusal refusal) =>
        refusal.Kind is RefusalKind.Pause || refusal.Code.StartsWith("429", StringComparison.Ordinal) || refusal.Code is "http_429";

    /// <summary>Another host may succeed.</summary>
    public static bool IsOfHost(AblyAnswer answer) =>
        answer.Status is >= 500 and <= 504 || answer is { Status: >= 400, IsFromContentNetwork: true };

    /// <summary>The code of an answer that claims success, but is not Ably's.</summary>
    public const string NotAbly = "not_ably";

    public static Refusal Classify(AblyAnswer answer) => answer is { Code: 0, Status: >= 200 and <= 299 }
        ? new(
            RefusalKind.Retry, NotAbly,
            $"the endpoint does not answer like Ably (HTTP {Text(answer.Status)}, {answer.MediaType ?? "no content type"}); "
            + "check its address")
        : new(
            answer.IsFromContentNetwork ? RefusalKind.Retry : KindOf(answer.Code, answer.Status),
            answer.Code != 0 ? Text(answer.Code) : "http_" + Text(answer.Status),
            Reason(answer.Status, answer.Code, answer.Message),
            answer.RetryAfter);

    /// <summary>The error of one spec of a batch.</summary>
    public static Refusal Classify(int status, int code, string? message) =>
        new(KindOf(code, status), code != 0 ? Text(code) : "http_" + Text(status), Reason(status, code, message));

    public static Refusal Never(int code, string reason) => new(RefusalKind.Never, Text(code), reason);

    private static RefusalKind KindOf(int code, int status) => code switch
    {
        NoCapability => RefusalKind.Never,
        >= 40000 and <= 40099 when status < 500 => RefusalKind.Never,
        >= 40100 and <= 40199 => RefusalKind.Pause, // credentials, of any kind
        >= 40300 and <= 40399 => RefusalKind.Pause, // account or application disabled
        40400 => RefusalKind.Pause, // no such application or key
        0 when status is (int)HttpStatusCode.Unauthorized or (int)HttpStatusCode.Forbidden => RefusalKind.Pause,
        0 when status is (int)HttpStatusCode.RequestEntityTooLarge or (int)HttpStatusCode.RequestUriTooLong => RefusalKind.Never,
        _ when status is 400 or 406 or 409 or 411 or 415 or 422 or 431 => RefusalKind.Uncertain,
        _ => RefusalKind.Retry,
    };

    private static string Reason(int status, int code, string? message)
    {
        var source = code == 0 ? $"the endpoint answered HTTP {status}" : $"Ably answered {code} (HTTP {status})";
        if (string.IsNullOrWhiteSpace(message))
        {
            return source;
        }

        var text = new string([.. message.Where(character => !char.IsControl(character)).Take(MaxReasonLength)]);
        return $"{source}: {text}";
    }

    private static string Text(int code) => code.ToString(CultureInfo.InvariantCulture);
}

/// <summary>Ends a request that cannot go on, with the refusal for the caller.</summary>
sealed class AblyRefusedException(Refusal refusal, Exception? inner = null) : Exception(refusal.Reason, inner)
{
    public Refusal Refusal => refusal;
}
