using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.WebUtilities;
using SyncEngine.Errors;
using SyncEngine.Server.Authentication;

namespace SyncEngine.Server.Errors;

/// <summary>The body of an error over HTTP: RFC 9457 problem details, plus our code and what PostgreSQL said.</summary>
/// <param name="Type">A stable URN per code.</param>
/// <param name="Id">Of an internal error: what to quote; the log has the rest.</param>
sealed record Problem(string Type, string Title, int Status, string Code, string? Detail, string? Hint, [property: JsonPropertyName("sqlstate")] string? SqlState, int? Position, string? Id)
{
    public const string ContentType = "application/problem+json";

    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static Problem Of(SyncException error, int? status = null) =>
        new(TypeOf(error.Code), error.Message, status ?? error.Code.HttpStatus, error.Code.Name, error.Detail, error.Hint, error.SqlState, error.Position, null);

    public static Problem OfInternal(string id) =>
        new(TypeOf(ErrorCode.Internal), "an internal error happened", ErrorCode.Internal.HttpStatus, ErrorCode.Internal.Name, null, $"Tell us, and quote {id}.", null, null, id);

    /// <summary>What the framework answered with a bare status.</summary>
    public static Problem OfStatus(HttpContext context)
    {
        var status = context.Response.StatusCode;
        var message = status switch
        {
            404 => "there is nothing at this address",
            405 => $"{context.Request.Path} does not take {context.Request.Method}",
            413 => "the request is too large",
            415 => "the request's content type is not application/json",
            _ => $"the request is not accepted: {ReasonPhrases.GetReasonPhrase(status).ToLowerInvariant()}",
        };
        var code = status switch
        {
            401 => ErrorCode.Unauthenticated,
            403 => ErrorCode.PermissionDenied,
            429 => ErrorCode.RateLimited,
            503 => ErrorCode.ShuttingDown,
            >= 500 => ErrorCode.Internal,
            _ => ErrorCode.InvalidRequest,
        };
        return Of(new SyncException(code, message), status);
    }

    public async Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.ContentLength = null;
        response.Headers.CacheControl = "no-store";
        if (Status == StatusCodes.Status401Unauthorized)
        {
            response.Headers.WWWAuthenticate = BearerToken.IsIn(context.Request) ? $"Bearer error=\"invalid_token\", error_description=\"{(string.Equals(Code, ErrorCode.TokenExpired.Name, StringComparison.Ordinal) ? "the token has expired" : "the token is not accepted")}\"" : "Bearer";
        }

        if (Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable && response.Headers.RetryAfter.Count == 0)
        {
            response.Headers.RetryAfter = RetryAfterSeconds(Code).ToString(CultureInfo.InvariantCulture);
        }

        if (!HttpMethods.IsHead(context.Request.Method))
        {
            await JsonSerializer.SerializeAsync(response.Body, this, json, context.RequestAborted);
        }
    }

    private static string TypeOf(ErrorCode code) => $"urn:syncengine:error:{code.Name}";

    private static int RetryAfterSeconds(string code) =>
        string.Equals(code, ErrorCode.SourceUnavailable.Name, StringComparison.Ordinal) || string.Equals(code, ErrorCode.ShuttingDown.Name, StringComparison.Ordinal) ? 2 : 10;
}
