using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Endpoints;

/// <summary>The body of POST /subscribe and POST /explain: a query with positional parameters, or a name with named ones.</summary>
static class SubscribeBody
{
    /// <exception cref="SyncException">invalid_request, or adhoc_disabled.</exception>
    public static SubscribeRequest Read(JsonElement body, QueryOptions queries, NamedQueries named, int maxQueryBytes)
    {
        try
        {
            return ReadMembers(body, queries, named, maxQueryBytes);
        }
        catch (InvalidOperationException)
        {
            // Half of a surrogate pair, in a name or in a string.
            throw Invalid("the body holds text that is not valid Unicode");
        }
    }

    private static SubscribeRequest ReadMembers(JsonElement body, QueryOptions queries, NamedQueries named, int maxQueryBytes)
    {
        if (body.ValueKind != JsonValueKind.Object)
        {
            throw Invalid("the body is not a JSON object");
        }

        HashSet<string> members = new(StringComparer.Ordinal);
        foreach (var member in body.EnumerateObject())
        {
            if (member.Name is not ("query" or "params" or "name"))
            {
                throw Invalid($"the body has an unknown member \"{Shorten(member.Name)}\"");
            }

            if (!members.Add(member.Name))
            {
                throw Invalid($"the body has the member \"{member.Name}\" twice");
            }
        }

        var hasParameters = body.TryGetProperty("params", out var parameters) && parameters.ValueKind != JsonValueKind.Null;
        if (body.TryGetProperty("name", out var name))
        {
            if (name.ValueKind != JsonValueKind.String || body.TryGetProperty("query", out _))
            {
                throw Invalid("the body has either a query or the name of one, as a string");
            }

            return ByName(named, name.GetString()!, hasParameters ? parameters : default);
        }

        if (!body.TryGetProperty("query", out var query) || query.ValueKind != JsonValueKind.String)
        {
            throw Invalid("the body has no query");
        }

        if (!queries.AllowAdHoc)
        {
            throw new SyncException(
                ErrorCode.AdhocDisabled, "only named queries can be subscribed to here", hint: "Send {\"name\": …, \"params\": {…}}.");
        }

        if (hasParameters && parameters.ValueKind != JsonValueKind.Array)
        {
            throw Invalid("params is not an array");
        }

        var text = query.GetString()!;
        if (System.Text.Encoding.UTF8.GetByteCount(text) > maxQueryBytes)
        {
            throw Invalid($"the query is longer than {maxQueryBytes} bytes");
        }

        return new SubscribeRequest(text, hasParameters ? [.. parameters.EnumerateArray().Select(item => item.Clone())] : []);
    }

    private static SubscribeRequest ByName(NamedQueries named, string name, JsonElement parameters)
    {
        var (sql, values) = named.Resolve(name, parameters);
        return new SubscribeRequest(sql, [.. values.Select(value => value.Clone())]);
    }

    private static string Shorten(string text) => text.Length <= 64 ? text : text[..64] + "…";

    private static SyncException Invalid(string message) =>
        new(ErrorCode.InvalidRequest, message, hint: "Send {\"query\": \"SELECT …\", \"params\": […]}.");
}
