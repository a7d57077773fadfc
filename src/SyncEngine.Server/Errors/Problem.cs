using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.WebUtilities;
using SyncEngine.Errors;

namespace SyncEngine.Server.Errors;

/// <summary>The body of an error over HTTP: RFC 9457 problem details, with our code and what PostgreSQL reported.</summary>
sealed record Problem
{
    public const string ContentType = "application/problem+json";

    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>A stable URN per code.</summary>
    public required string Type { get; init; }

    public required string Title { get; init; }

    public required int Status { get; init; }

    public required string Code { get; init; }

    public string? Detail { get; init; }

    public string? Hint { get; init; }

    [JsonPropertyName("sqlstate")]
    public string? SqlState { get; init; }

    /// <summary>The place of the error in characters of the query, from 1.</summary>
    public int? Position { get; init; }

    /// <summary>The id of an internal error, under which the log has the rest.</summary>
    public string? Id { get; init; }

    public static Problem Of(SyncException error, int? status = null) => new()
    {
        Type = TypeOf(error.Code),
        Title = error.Message,
        Status = status ?? error.Code.HttpStatus,
        Code = error.Code.Name,
        Detail = error.Detail,
        Hint = error.Hint,
        SqlState = error.SqlState,
        Position = error.Position,
    };

    public static Problem OfInternal(string id) => new()
    {
        Type = TypeOf(ErrorCode.Internal),
        Title = "an internal error happened",
        Status = ErrorCode.Internal.HttpStatus,
        Code = ErrorCode.Internal.Name,
        Hint = IncidentId.Hint(id),
        Id = id,
    };

    /// <summary>The problem of a response that the framework left with a bare status.</summary>
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
        if (Status == StatusCodes.Status401Unauthorized && response.Headers.WWWAuthenticate.Count == 0)
        {
            // The authentication scheme writes its WWW-Authenticate.
            await context.ChallengeAsync();
        }

        response.StatusCode = Status;
        response.ContentType = ContentType;
        response.ContentLength = null;
        response.Headers.CacheControl = "no-store";
        var isTemporary = Status is StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable;
        if (isTemporary && response.Headers.RetryAfter.Count == 0)
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
        ((string[])[ErrorCode.SourceUnavailable.Name, ErrorCode.ShuttingDown.Name]).Contains(code, StringComparer.Ordinal) ? 2 : 10;
}
