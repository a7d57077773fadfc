using System.Text.Json;
using SyncEngine.Errors;

namespace SyncEngine.Server.Errors;

/// <summary>Turns exceptions and bare error statuses into problem details.</summary>
sealed class ErrorMiddleware(RequestDelegate next, ILogger<ErrorMiddleware> logger)
{
    public async Task InvokeAsync(HttpContext context)
    {
        Problem problem;
        try
        {
            await next(context);
            if (context.Response is not { HasStarted: false, StatusCode: >= 400, ContentType: null, ContentLength: null })
            {
                return;
            }

            problem = Problem.OfStatus(context);
        }
        catch (Exception) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has left.
            return;
        }
        catch (SyncException error)
        {
            problem = Problem.Of(error);
            ErrorLog.Refused(logger, error.Code.Name, context.Request.Path);
        }
        catch (BadHttpRequestException error)
        {
            problem = Problem.Of(
                new SyncException(ErrorCode.InvalidRequest, error.StatusCode switch
                {
                    StatusCodes.Status413PayloadTooLarge => "the request is too large",
                    StatusCodes.Status415UnsupportedMediaType => "the request's content type is not application/json",
                    _ when error.InnerException is JsonException json =>
                        $"the request's body is not the JSON that is expected{PlaceOf(json)}",
                    _ => "the request cannot be read",
                }),
                error.StatusCode);
        }
        catch (Exception error)
        {
            var id = IncidentId.Next();
            ErrorLog.RequestFailed(logger, id, context.Request.Method, context.Request.Path, error);
            problem = Problem.OfInternal(id);
        }

        if (context.Response.HasStarted)
        {
            // Half an answer is sent; an aborted connection shows the client that it was not all.
            context.Abort();
            return;
        }

        await problem.WriteAsync(context);
    }

    private static string PlaceOf(JsonException json) =>
        json is { LineNumber: { } line, BytePositionInLine: { } at } ? $" (line {line + 1}, byte {at + 1})" : "";
}
