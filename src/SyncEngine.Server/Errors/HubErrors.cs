using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.SignalR;
using SyncEngine.Errors;

namespace SyncEngine.Server.Errors;

/// <summary>Errors of hub methods: a HubException whose message is <c>code: text</c>.</summary>
sealed class HubErrors(ILogger<HubErrors> logger) : IHubFilter
{
    /// <summary>The exception to throw instead, also for frames and streams that the filter does not see.</summary>
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
                ErrorLog.HubMethodFailed(logger, id, exception);
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
    public async IAsyncEnumerable<T> Translated<T>(IAsyncEnumerable<T> stream, [EnumeratorCancellation] CancellationToken cancellationToken)
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
}
