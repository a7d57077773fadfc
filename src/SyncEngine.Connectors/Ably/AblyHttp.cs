using System.Net;
using System.Net.Http.Headers;
using Microsoft.Extensions.Logging;
using SyncEngine.Connectors.Targets;

namespace SyncEngine.Connectors.Ably;

/// <summary>The timeouts of requests to Ably.</summary>
/// <param name="Request">For one host.</param>
/// <param name="Total">For one request on all its hosts.</param>
sealed record AblyTimeouts(TimeSpan Connect, TimeSpan Request, TimeSpan Total)
{
    /// <summary>The values of Ably's own clients.</summary>
    public static AblyTimeouts Default { get; } = new(TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(15));
}

/// <summary>Sends requests to Ably: one attempt each, on the main host and, where that host fails, on fallback hosts.</summary>
sealed class AblyHttp : IDisposable
{
    private const int MaxAnswerBytes = 4 * 1024 * 1024;
    private const string ProtocolVersion = "6";
    private static readonly TimeSpan leastAttempt = TimeSpan.FromMilliseconds(50); // a shorter attempt is useless

    private readonly HttpClient client;
    private readonly AblyHosts hosts;
    private readonly AblyTimeouts timeouts;
    private readonly TimeProvider time;
    private readonly ILogger logger;

    public AblyHttp(HttpMessageHandler handler, AblyHosts hosts, AblyTimeouts timeouts, TimeProvider time, ILogger logger)
    {
        this.hosts = hosts;
        this.timeouts = timeouts;
        this.time = time;
        this.logger = logger;
        client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan, MaxResponseContentBufferSize = MaxAnswerBytes };
    }

    /// <summary>Redirects are off: they would turn a publish into a GET, whose answer would pass for a success.</summary>
    public static SocketsHttpHandler CreateHandler(AblyTimeouts timeouts, int connections) => new()
    {
        ConnectTimeout = timeouts.Connect,
        MaxConnectionsPerServer = connections,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        AllowAutoRedirect = false,
        UseCookies = false,
        AutomaticDecompression = DecompressionMethods.None,
    };

    /// <param name="path">Percent-encoded, with its leading slash; sent unchanged.</param>
    /// <returns>Any answer, also an error.</returns>
    /// <exception cref="AblyRefusedException">No host has answered.</exception>
    public async Task<AblyAnswer> SendAsync(
        HttpMethod method, string path, ReadOnlyMemory<byte>? body, AuthenticationHeaderValue? authorization,
        CancellationToken cancellationToken)
    {
        var began = time.GetTimestamp();
        AblyAnswer? answer = null;
        AblyRefusedException? failure = null;
        AblyRefusedException? failureOfMain = null;
        var failed = 0;
        foreach (var host in hosts.Candidates())
        {
            var left = timeouts.Total - time.GetElapsedTime(began);
            if (left < leastAttempt)
            {
                break;
            }

            try
            {
                answer = await SendOnceAsync(
                    method, At(host, path), body, authorization, left < timeouts.Request ? left : timeouts.Request, cancellationToken);
                failure = null;
                if (!AblyErrors.IsOfHost(answer))
                {
                    Worked(host);
                    return answer;
                }
            }
            catch (AblyRefusedException exception)
            {
                (answer, failure) = (null, exception);
                failureOfMain = host == hosts.Main ? exception : failureOfMain;
            }

            failed++;
            hosts.Failed(host);
            Log.HostFailed(logger, host.Host, failure?.Message ?? $"HTTP {answer?.Status}");
        }

        // The main host is the one that operators know; the name of the last fallback would not help them.
        if (answer is null && failureOfMain is { Refusal: var refusal } && failed > 1)
        {
            throw new AblyRefusedException(refusal with { Reason = $"{refusal.Reason}, nor its fallbacks" }, failureOfMain);
        }

        return answer ?? throw failure ?? new AblyRefusedException(
            new Refusal(RefusalKind.Retry, "timeout", "Ably did not answer in time"));
    }

    /// <summary>Sends a GET to an address that is not Ably's.</summary>
    public Task<AblyAnswer> GetAsync(Uri address, CancellationToken cancellationToken) =>
        SendOnceAsync(HttpMethod.Get, address, body: null, authorization: null, timeouts.Request, cancellationToken);

    public void Dispose() => client.Dispose();

    /// <summary>Uri would fold dot segments, and with them a channel called "..", into another address.</summary>
    private static Uri At(Uri host, string path) =>
        new(host.AbsoluteUri.TrimEnd('/') + path, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true });

    private void Worked(Uri host)
    {
        if (hosts.Worked(host))
        {
            Log.FallbackKept(logger, host.Host);
        }
    }

    private async Task<AblyAnswer> SendOnceAsync(
        HttpMethod method, Uri address, ReadOnlyMemory<byte>? body, AuthenticationHeaderValue? authorization, TimeSpan timeout,
        CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(method, address);
        request.Headers.Authorization = authorization;
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        request.Headers.Add("X-Ably-Version", ProtocolVersion);
        request.Headers.Add("Ably-Agent", "syncengine/" + typeof(AblyHttp).Assembly.GetName().Version?.ToString(3));
        if (body is { } bytes)
        {
            request.Content = new ReadOnlyMemoryContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue("application/json") } };
        }

        using var late = new CancellationTokenSource(timeout, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, cancellationToken);
        try
        {
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseContentRead, either.Token);
            return await AblyAnswer.ReadAsync(response, time.GetUtcNow(), either.Token);
        }
        catch (OperationCanceledException exception) when (!cancellationToken.IsCancellationRequested)
        {
            throw new AblyRefusedException(new Refusal(RefusalKind.Retry, "timeout", $"{address.Host} did not answer in time"), exception);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            var reason = exception is HttpRequestException { HttpRequestError: not HttpRequestError.Unknown and var error }
                ? error.ToString()
                : "the connection failed";
            throw new AblyRefusedException(
                new Refusal(RefusalKind.Retry, "unreachable", $"{address.Host} cannot be reached ({reason})"), exception);
        }
    }
}
