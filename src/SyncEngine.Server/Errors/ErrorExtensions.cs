using System.Security.Cryptography;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.Errors;

namespace SyncEngine.Server.Errors;

/// <summary>What composes errors and their bounds into the host.</summary>
static class ErrorExtensions
{
    /// <summary>Needs LimitOptions and a <see cref="TimeProvider"/> beside it.</summary>
    public static IServiceCollection AddSyncErrors(this IServiceCollection services) => services
        .AddSingleton<RequestLimiter>()
        .AddSingleton<HubErrors>()
        // A body that cannot be read is an exception like any other, instead of a bare 400.
        .Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);

    /// <summary>The outermost of our middleware.</summary>
    public static IApplicationBuilder UseSyncErrors(this IApplicationBuilder app) => app.UseMiddleware<ErrorMiddleware>();
}

/// <summary>Turns whatever is thrown, and bare error statuses, into problem details.</summary>
sealed partial class ErrorMiddleware(RequestDelegate next, ILogger<ErrorMiddleware> logger)
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
            // Nobody listens any more.
            return;
        }
        catch (SyncException error)
        {
            problem = Problem.Of(error);
            Log.Refused(logger, error.Code.Name, context.Request.Path);
        }
        catch (BadHttpRequestException error)
        {
            problem = Problem.Of(
                new SyncException(ErrorCode.InvalidRequest, error.StatusCode switch
                {
                    StatusCodes.Status413PayloadTooLarge => "the request is too large",
                    StatusCodes.Status415UnsupportedMediaType => "the request's content type is not application/json",
                    _ when error.InnerException is System.Text.Json.JsonException json => $"the request's body is not the JSON that is expected{Place(json)}",
                    _ => "the request cannot be read",
                }),
                error.StatusCode);
        }
        catch (Exception error)
        {
            var id = IncidentId.Next();
            Log.Failed(logger, id, context.Request.Method, context.Request.Path, error);
            problem = Problem.OfInternal(id);
        }

        if (context.Response.HasStarted)
        {
            // Half an answer is out; cutting it off tells the client that it was not all.
            context.Abort();
            return;
        }

        await problem.WriteAsync(context);
    }

    private static string Place(System.Text.Json.JsonException json) =>
        json is { LineNumber: { } line, BytePositionInLine: { } at } ? $" (line {line + 1}, byte {at + 1})" : "";

    private static partial class Log
    {
        [LoggerMessage(1201, LogLevel.Debug, "Refused with {Code}: {Path}")]
        public static partial void Refused(ILogger logger, string code, string path);

        [LoggerMessage(1202, LogLevel.Error, "Internal error {Id} at {Method} {Path}")]
        public static partial void Failed(ILogger logger, string id, string method, string path, Exception error);
    }
}

/// <summary>What a client quotes and the log holds beside the details.</summary>
static class IncidentId
{
    public static string Next() => RandomNumberGenerator.GetHexString(12, lowercase: true);
}

/// <summary>Errors of hub methods: a HubException whose message is <c>code: text</c>.</summary>
sealed partial class HubErrors(ILogger<HubErrors> logger) : IHubFilter
{
    /// <summary>For <c>throw errors.Translate(exception)</c>, and for frames and streams that the filter does not see.</summary>
    public HubException Translate(Exception exception)
    {
        switch (exception)
        {
            case HubException already:
                return already;
            case SyncException error:
                return new HubException($"{error.Code.Name}: {error.Message}");
            default:
                var id = IncidentId.Next();
                Log.Failed(logger, id, exception);
                return new HubException($"{ErrorCode.Internal.Name}: an internal error happened, quote {id}");
        }
    }

    public async ValueTask<object?> InvokeMethodAsync(HubInvocationContext invocation, Func<HubInvocationContext, ValueTask<object?>> next)
    {
        try
        {
            return await next(invocation);
        }
        catch (Exception exception) when (exception is not OperationCanceledException)
        {
            throw Translate(exception);
        }
    }

    /// <summary>A stream whose errors are translated when they come, while it is read.</summary>
    public async IAsyncEnumerable<T> Translated<T>(IAsyncEnumerable<T> stream, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var items = stream.GetAsyncEnumerator(cancellationToken);
        while (true)
        {
            try
            {
                if (!await items.MoveNextAsync())
                {
                    yield break;
                }
            }
            catch (Exception exception) when (exception is not OperationCanceledException)
            {
                throw Translate(exception);
            }

            yield return items.Current;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(1203, LogLevel.Error, "Internal error {Id} in a hub method")]
        public static partial void Failed(ILogger logger, string id, Exception error);
    }
}
