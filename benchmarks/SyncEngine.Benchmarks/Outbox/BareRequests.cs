using System.Diagnostics;
using System.Net.Http.Headers;
using System.Text;
using SyncEngine.AblySimulator;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>Publishing with HttpClient and nothing else: no queue, no check of the answer but its status.</summary>
internal sealed class BareRequests : IDisposable
{
    private const string Data = """{\"room\": 42, \"body\": \"some words that a person wrote\"}""";

    private readonly HttpClient http;
    private readonly AuthenticationHeaderValue authorization;

    public BareRequests(SimulatedAbly ably, int connections)
    {
        http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = connections, UseCookies = false, AllowAutoRedirect = false }) { BaseAddress = ably.Address };
        authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.ASCII.GetBytes(ably.Key)));
    }

    public Task SendAsync(string channel, string id, string name, CancellationToken cancellationToken) =>
        PostAsync($"/channels/{channel}/messages", Message(id, name), cancellationToken);

    /// <summary>Messages a second with so many requests under way, each with messages of so many channels.</summary>
    public async Task<double> RateAsync(int requests, int messagesPerRequest, TimeSpan duration, CancellationToken cancellationToken)
    {
        var run = Guid.NewGuid().ToString("N");
        var began = Stopwatch.GetTimestamp();
        var counts = await Task.WhenAll(Enumerable.Range(0, requests).Select(number => Task.Run(() => SendAllAsync($"{run}:{number}"), cancellationToken)));
        return counts.Sum() / Stopwatch.GetElapsedTime(began).TotalSeconds;

        async Task<long> SendAllAsync(string channel)
        {
            var sent = 0L;
            while (Stopwatch.GetElapsedTime(began) < duration)
            {
                await (messagesPerRequest == 1
                    ? SendAsync(channel, $"{sent}", "event", cancellationToken)
                    : PostAsync("/messages", $"[{string.Join(',', Enumerable.Range(0, messagesPerRequest).Select(i => $$"""{"channels":["{{channel}}:{{i}}"],"messages":{{Message($"{sent}", "event")}}}"""))}]", cancellationToken));
                sent += messagesPerRequest;
            }

            return sent;
        }
    }

    public void Dispose() => http.Dispose();

    private static string Message(string id, string name) =>
        $$$"""{"id":"{{{id}}}","name":"{{{name}}}","data":"{{{Data}}}","encoding":"json","extras":{"headers":{"x-ably-models-event-uuid":"{{{id}}}","source":"benchmark"} } }""";

    private async Task PostAsync(string path, string body, CancellationToken cancellationToken)
    {
        using var content = new StringContent(body, Encoding.UTF8, "application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, path) { Content = content };
        request.Headers.Authorization = authorization;
        using var answer = await http.SendAsync(request, cancellationToken);
        answer.EnsureSuccessStatusCode();
    }
}
