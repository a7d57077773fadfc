using System.Net.Http.Json;
using System.Text.Json;

namespace SyncEngine.Benchmarks.Clients;

/// <summary>POST /subscribe.</summary>
internal sealed class SubscribeApi(HttpClient http, Uri server)
{
    private readonly Uri address = new(server, "subscribe");

    public async Task<string> SubscribeAsync(string query, object[] parameters, CancellationToken cancellationToken)
    {
        using var answer = await http.PostAsJsonAsync(address, new Dictionary<string, object> { ["query"] = query, ["params"] = parameters }, cancellationToken);
        var body = await answer.Content.ReadFromJsonAsync<JsonElement>(cancellationToken);
        return answer.IsSuccessStatusCode ? body.GetProperty("subscriptionId").GetString()! : throw new InvalidOperationException($"{answer.StatusCode}: {body}");
    }

    /// <summary>One subscription per parameter, several requests at once; the ids are in the order of the parameters.</summary>
    public async Task<string[]> SubscribeEachAsync(string query, IReadOnlyList<int> parameters, CancellationToken cancellationToken)
    {
        var ids = new string[parameters.Count];
        await Parallel.ForAsync(
            0,
            parameters.Count,
            new ParallelOptions { MaxDegreeOfParallelism = 16, CancellationToken = cancellationToken },
            async (i, token) => ids[i] = await SubscribeAsync(query, [parameters[i]], token));
        return ids;
    }
}
