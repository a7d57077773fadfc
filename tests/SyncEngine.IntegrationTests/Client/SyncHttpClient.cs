using System.Collections.Immutable;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>A column as the answer to a subscription names it.</summary>
public sealed record SubscribedColumn(string Name, string Type, bool Nullable, bool Hidden);

/// <summary>The answer to <c>POST /subscribe</c>.</summary>
public sealed record SubscriptionAnswer(
    string SubscriptionId,
    ImmutableArray<SubscribedColumn> Columns,
    ImmutableArray<string> Key,
    bool Ordered,
    SubscribedPlan Plan);

/// <summary>The mode in which the result is kept live, and the reason.</summary>
public sealed record SubscribedPlan(string Mode, string? Reason);

/// <summary>The server said no; <see cref="Code"/> is the problem's.</summary>
public sealed class SyncRefusedException(HttpStatusCode status, string? code, string body) : Exception($"{(int)status} {code}: {body}")
{
    public HttpStatusCode Status { get; } = status;

    public string? Code { get; } = code;
}

/// <summary>The HTTP side: subscribing, and the frames as Server-Sent Events.</summary>
public sealed class SyncHttpClient : IDisposable
{
    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web);
    private readonly HttpClient http;

    public SyncHttpClient(Uri server, string? token = null)
    {
        http = new HttpClient { BaseAddress = server, Timeout = Timeout.InfiniteTimeSpan };
        if (token is not null)
        {
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
        }
    }

    public async Task<SubscriptionAnswer> SubscribeAsync(string query, IEnumerable<JsonNode?>? parameters = null, CancellationToken cancellationToken = default)
    {
        var body = new JsonObject { ["query"] = query };
        if (parameters is not null)
        {
            body["params"] = new JsonArray([.. parameters.Select(parameter => parameter?.DeepClone())]);
        }

        using var response = await http.PostAsJsonAsync("/subscribe", body, cancellationToken);
        await EnsureAcceptedAsync(response, cancellationToken);
        return (await response.Content.ReadFromJsonAsync<SubscriptionAnswer>(json, cancellationToken))!;
    }

    public async Task UnsubscribeAsync(string subscriptionId, CancellationToken cancellationToken = default)
    {
        using var response = await http.DeleteAsync("/subscribe/" + subscriptionId, cancellationToken);
        await EnsureAcceptedAsync(response, cancellationToken);
    }

    /// <summary>The frames of <c>GET /subscribe/{id}/events</c>.</summary>
    /// <exception cref="InvalidDataException">The event's name is not the frame's type, or its id is not the one to resume from.</exception>
    public async IAsyncEnumerable<JsonElement> EventsAsync(string subscriptionId, string? from = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/subscribe/{subscriptionId}/events");
        request.Headers.Accept.ParseAdd("text/event-stream");
        if (from is not null)
        {
            request.Headers.Add("Last-Event-ID", from);
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        await EnsureAcceptedAsync(response, cancellationToken);
        using var lines = new StreamReader(await response.Content.ReadAsStreamAsync(cancellationToken));
        string? name = null, id = null, data = null;
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
        {
            if (line.Length == 0)
            {
                if (data is not null)
                {
                    yield return Parse(name, id, data);
                }

                (name, id, data) = (null, null, null);
                continue;
            }

            var colon = line.IndexOf(':');
            var field = colon < 0 ? line : line[..colon];
            var value = colon < 0 ? "" : line[(colon + 1)..].TrimStart(' ');
            switch (field)
            {
                case "event":
                    name = value;
                    break;
                case "id":
                    id = value;
                    break;
                case "data":
                    data = data is null ? value : data + "\n" + value;
                    break;
            }
        }
    }

    public void Dispose() => http.Dispose();

    private static JsonElement Parse(string? name, string? id, string data)
    {
        using var document = JsonDocument.Parse(data);
        var frame = document.RootElement.Clone();
        var type = frame.GetProperty("type").GetString();
        if (name != type)
        {
            throw new InvalidDataException($"the event '{name}' carries a frame of type '{type}'");
        }

        var mayResume = type is "diff" or "live" or "cut" && !frame.TryGetProperty("more", out _);
        var cut = frame.TryGetProperty("cut", out var text) ? text.GetString() : null;
        var expected = mayResume ? cut : null;
        if (mayResume ? id != expected : id is { Length: > 0 })
        {
            throw new InvalidDataException($"the event's id is '{id}' where '{expected}' is the cut to resume from: {data}");
        }

        return frame;
    }

    private static async Task EnsureAcceptedAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        var body = await response.Content.ReadAsStringAsync(cancellationToken);
        string? code = null;
        try
        {
            using var problem = JsonDocument.Parse(body);
            code = problem.RootElement.TryGetProperty("code", out var member) ? member.GetString() : null;
        }
        catch (JsonException)
        {
            // No problem document: the status and the body say what there is to say.
        }

        throw new SyncRefusedException(response.StatusCode, code, body);
    }
}
