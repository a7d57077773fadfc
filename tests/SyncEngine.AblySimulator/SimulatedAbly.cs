using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;

namespace SyncEngine.AblySimulator;

/// <summary>
/// Ably's REST API on a loopback port, as strict as the real one about ids, sizes, names and credentials, recording
/// every request, and failing on request.
/// </summary>
/// <remarks>
/// Lifecycle: from <see cref="StartAsync"/> to disposal; <see cref="CloseAsync"/> and <see cref="OpenAsync"/> make it unreachable in
/// between and keep what it knows.
/// Stored: all in memory, unbounded unless <see cref="SimulatorOptions.KeepMessages"/> and <see cref="SimulatorOptions.KeepRequests"/> are
/// off. Thread safe.
/// </remarks>
public sealed class SimulatedAbly : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, Channel> channels = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<RecordedRequest> requests = new();
    private readonly ConcurrentQueue<RecordedMessage> arrivals = new();
    private readonly Signal signal = new();
    private readonly FaultScript faults;
    private readonly Lock rateAccess = new();
    private RateWindow rate;
    private WebApplication? application;
    private long requestCount;
    private long arrivalCount;
    private long storedCount;

    private SimulatedAbly(SimulatorOptions options)
    {
        Options = options;
        Credentials = new Credentials(options);
        Credentials.AddKey(Key, capability: null);
        faults = new FaultScript(signal);
    }

    public static async Task<SimulatedAbly> StartAsync(SimulatorOptions? options = null)
    {
        var simulator = new SimulatedAbly(options ?? new SimulatorOptions());
        await simulator.OpenAsync();
        return simulator;
    }

    public SimulatorOptions Options { get; }

    /// <summary>A key that may do everything.</summary>
    public string Key { get; } = "application.key:secret";

    /// <summary>http://127.0.0.1:PORT</summary>
    public Uri Address { get; private set; } = null!;

    /// <summary>All requests, publishing or not, in the order in which they arrived.</summary>
    public IReadOnlyList<RecordedRequest> Requests => requests.ToArray();

    /// <summary>Every message that arrived, in order: repetitions, refused ones, and those whose answer said otherwise.</summary>
    public IReadOnlyList<RecordedMessage> Arrivals => arrivals.ToArray();

    public long RequestCount => Interlocked.Read(ref requestCount);

    public long ArrivalCount => Interlocked.Read(ref arrivalCount);

    /// <summary>Messages stored on all channels.</summary>
    public long StoredCount => Interlocked.Read(ref storedCount);

    /// <summary>Tokens issued by requestToken.</summary>
    public int TokensIssued => Credentials.Issued;

    /// <summary>Channels on which something was stored.</summary>
    public IReadOnlyList<string> Channels => [.. channels.Values.Where(channel => channel.Count > 0).Select(channel => channel.Name)];

    /// <summary>The answer to GET /auth, which stands for an application's own address for tokens. Null: 404.</summary>
    public Func<(string ContentType, string Body)>? AuthAnswer { get; set; }

    internal Credentials Credentials { get; }

    internal FaultScript Script => faults;

    /// <summary>The messages that a subscriber has received: stored once, in order.</summary>
    public IReadOnlyList<RecordedMessage> Messages(string channel) => channels.TryGetValue(channel, out var known) ? known.Stored() : [];

    public long Count(string channel) => channels.TryGetValue(channel, out var known) ? known.Count : 0;

    /// <param name="key"><c>application.key:secret</c></param>
    /// <param name="capability">JSON as Ably's: <c>{"orders:*":["publish"]}</c>; null for all capabilities.</param>
    public void AddKey(string key, string? capability = null) => Credentials.AddKey(key, capability);

    public void RevokeKey(string key) => Credentials.RevokeKey(key);

    /// <summary>A token or JWT that was issued elsewhere.</summary>
    public void AddToken(string token, DateTimeOffset expires, string? capability = null) =>
        Credentials.AddToken(token, expires, capability);

    public void RevokeTokens() => Credentials.RevokeTokens();

    /// <summary>A signed TokenRequest (JSON), as an authorisation server that holds the key makes it.</summary>
    public string SignedTokenRequest(string? key = null) => Credentials.SignedRequest(key ?? Key);

    /// <param name="channels">A pattern with <c>*</c>; null for every request whatever its channels, and for tokens.</param>
    /// <param name="times">The number of requests that it hits; null: until it is lifted.</param>
    public ScriptedFault Inject(Fault fault, string? channels = null, int? times = null, Endpoints endpoints = Endpoints.Publishing) =>
        faults.Add(fault, channels, endpoints, times);

    /// <summary>Lifts every fault.</summary>
    public void ClearFaults() => faults.Clear();

    /// <summary>Waits until the channel has stored this many messages, and returns them.</summary>
    public async Task<IReadOnlyList<RecordedMessage>> WaitForAsync(
        string channel, int count, TimeSpan timeout, CancellationToken cancellationToken = default)
    {
        await signal.UntilAsync(
            () => Count(channel) >= count, () => $"channel {channel} has stored {Count(channel)} messages, not {count}", timeout,
            cancellationToken);
        return Messages(channel);
    }

    /// <summary>Waits until all channels together have stored this many messages.</summary>
    public Task WaitForAllAsync(long count, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        signal.UntilAsync(() => StoredCount >= count, () => $"{StoredCount} messages are stored, not {count}", timeout, cancellationToken);

    /// <summary>Waits until this many requests have arrived.</summary>
    public Task WaitForRequestsAsync(long count, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        signal.UntilAsync(() => RequestCount >= count, () => $"{RequestCount} requests have come, not {count}", timeout, cancellationToken);

    /// <summary>Checks again after each request and each message.</summary>
    public Task WaitUntilAsync(Func<SimulatedAbly, bool> isSo, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        signal.UntilAsync(() => isSo(this), () => "it did not come about", timeout, cancellationToken);

    /// <summary>Listens, on the port it had before where there was one.</summary>
    public async Task OpenAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 4L * BatchSpec.MaxBodyBytes;
            kestrel.Listen(IPAddress.Loopback, Address?.Port ?? Options.Port);
        });
        application = builder.Build();
        application.Run(context => new RequestHandler(this, context).HandleAsync());
        await application.StartAsync();
        Address = new Uri(application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());
    }

    /// <summary>Refuses connections from now on, and aborts requests under way.</summary>
    public async Task CloseAsync()
    {
        if (Interlocked.Exchange(ref application, null) is { } running)
        {
            using var now = new CancellationTokenSource();
            await now.CancelAsync();
            await running.StopAsync(now.Token);
            await running.DisposeAsync();
        }
    }

    public async ValueTask DisposeAsync()
    {
        ClearFaults();
        await CloseAsync();
    }

    internal void Record(Func<RecordedRequest> request)
    {
        if (Options.KeepRequests)
        {
            requests.Enqueue(request());
        }

        Interlocked.Increment(ref requestCount);
        signal.Pulse();
    }

    /// <summary>Counts a request of the account; false when it may make no other in this second.</summary>
    internal bool TakesRequest()
    {
        lock (rateAccess)
        {
            return rate.TryTake(1, Options.AccountRequestsPerSecond, Options.Time.GetUtcNow());
        }
    }

    /// <summary>Stores a publish on its channel, unless the channel's rate forbids it.</summary>
    internal AblyError? Store(string name, Publish publish, bool inBatch)
    {
        var channel = channels.GetOrAdd(name, static (created, options) => new Channel(created, options), Options);
        var now = Options.Time.GetUtcNow();
        var error = channel.Publish(publish, now, (message, outcome) => Arrive(name, message, now, inBatch, outcome, code: 0));
        if (error is not null)
        {
            Refuse(name, publish, inBatch, error.Code);
        }

        signal.Pulse();
        return error;
    }

    internal void Refuse(string channel, Publish publish, bool inBatch, int code)
    {
        foreach (var message in publish.Messages)
        {
            Arrive(channel, message, Options.Time.GetUtcNow(), inBatch, Outcome.Refused, code);
        }
    }

    private RecordedMessage Arrive(string channel, PublishedMessage message, DateTimeOffset now, bool inBatch, Outcome outcome, int code)
    {
        var record = new RecordedMessage(
            Interlocked.Increment(ref arrivalCount), now, channel, message.Id, message.Name, message.Data, message.Encoding,
            message.ClientId, message.Extras, inBatch, outcome, code);
        if (outcome is Outcome.Stored)
        {
            Interlocked.Increment(ref storedCount);
        }

        if (Options.KeepMessages)
        {
            arrivals.Enqueue(record);
        }

        return record;
    }
}
