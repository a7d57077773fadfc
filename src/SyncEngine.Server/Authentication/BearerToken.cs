using System.Net.Http.Headers;
using SyncEngine.Errors;

namespace SyncEngine.Server.Authentication;

/// <summary>A token that came without a request, as in a call on a connection that is already open.</summary>
sealed record PresentedToken(string Text);

/// <summary>The token of a request.</summary>
static class BearerToken
{
    private const string Parameter = "access_token";

    /// <summary>Null when there is none. A header of another kind is an error, never an anonymous caller.</summary>
    /// <exception cref="SyncException"><c>unauthenticated</c>.</exception>
    public static string? Of(HttpContext context)
    {
        if (context.Features.Get<PresentedToken>() is { } presented)
        {
            return presented.Text.Length > 0 ? presented.Text : throw TokenText.Refused("it is empty");
        }

        var headers = context.Request.Headers.Authorization;
        var parameters = context.Request.Query[Parameter];
        return (headers.Count, parameters.Count) switch
        {
            (0, 0) => null,
            (1, _) when ParameterOf(headers[0]) is { Length: > 0 } token => token,
            (0, 1) when parameters[0] is { Length: > 0 } token => token,
            _ => throw new SyncException(ErrorCode.Unauthenticated, "the request does not carry one bearer token"),
        };
    }

    /// <summary>Removes the token from the query, so that nothing after it can log it.</summary>
    public static void Hide(HttpRequest request)
    {
        if (request.Query.ContainsKey(Parameter))
        {
            request.QueryString = QueryString.Create(
                request.Query.Where(parameter => !parameter.Key.Equals(Parameter, StringComparison.OrdinalIgnoreCase)));
        }
    }

    private static string? ParameterOf(string? header) =>
        AuthenticationHeaderValue.TryParse(header, out var value)
        && string.Equals(value.Scheme, BearerScheme.Name, StringComparison.OrdinalIgnoreCase)
            ? value.Parameter
            : null;
}
