using System.Text.Json;
using Microsoft.AspNetCore.Http.Features;
using SyncEngine.Errors;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Endpoints;

/// <summary>Reads and checks the body of a subscription's request.</summary>
sealed class RequestReader(QueryOptions queries, NamedQueries named, LimitOptions limits)
{
    private const int MaxParameterBytes = 1024 * 1024;

    // A character of a query can be six in JSON: \u0041.
    private const int MaxJsonBytesPerByte = 6;

    private static readonly JsonDocumentOptions depth = new() { MaxDepth = 32 };

    public async Task<SubscribeRequest> ReadAsync(HttpContext context)
    {
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } size)
        {
            size.MaxRequestBodySize = ((long)limits.QueryBytes * MaxJsonBytesPerByte) + MaxParameterBytes;
        }

        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, depth, context.RequestAborted);
            return Read(document.RootElement);
        }
        catch (JsonException malformed)
        {
            var place = malformed.LineNumber is { } line ? $"At line {line + 1}." : null;
            throw new SyncException(ErrorCode.InvalidRequest, "the body is not valid JSON", place);
        }
        catch (BadHttpRequestException tooLarge) when (tooLarge.StatusCode == StatusCodes.Status413PayloadTooLarge)
        {
            throw new SyncException(
                ErrorCode.InvalidRequest, "the request is too large", hint: $"A query has at most {limits.QueryBytes} bytes.");
        }
    }

    public SubscribeRequest Read(JsonElement body) => SubscribeBody.Read(body, queries, named, limits.QueryBytes);
}
