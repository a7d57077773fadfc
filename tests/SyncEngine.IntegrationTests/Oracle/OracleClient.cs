using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using SyncEngine.IntegrationTests.Client;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>A client's rows at the cut of a frame.</summary>
/// <param name="Mode">The tier that kept the result.</param>
sealed record Checkpoint(int Query, ulong Cut, string[] Rows, string Mode);

/// <summary>One client of a run: does what its plan says, follows its stream strictly, and keeps what it held at every cut.</summary>
sealed class OracleClient(Scenario scenario, ClientPlan plan, Uri server, Action changed) : IAsyncDisposable
{
    private readonly SyncHttpClient http = new(server);
    private readonly Dictionary<int, StrictResult> results = [];
    private readonly List<Checkpoint> checkpoints = [];
    private readonly List<string> log = [];

    // Guards what frames change: they arrive on their own thread.
    private readonly Lock gate = new();
    private StrictStream? stream;
    private SyncHubClient? hub;
    private CancellationTokenSource? connection;
    private Task following = Task.CompletedTask;
    private bool isLeaving;

    public ClientPlan Plan { get; } = plan;

    /// <summary>The failure as a text; null while there is none.</summary>
    public string? Failure { get; private set; }

    public bool IsConnected => stream is not null;

    public IReadOnlyList<Checkpoint> Checkpoints
    {
        get
        {
            lock (gate)
            {
                return [.. checkpoints];
            }
        }
    }

    /// <summary>The frames as they came, with what the client did between.</summary>
    public IReadOnlyList<string> Log
    {
        get
        {
            lock (gate)
            {
                return [.. log];
            }
        }
    }

    public async Task JoinAsync(CancellationToken cancellationToken)
    {
        try
        {
            foreach (var query in Plan.Queries)
            {
                var result = new StrictResult(await SubscribeAsync(query, cancellationToken));
                lock (gate)
                {
                    results.Add(query, result);
                }
            }

            await ConnectAsync(cancellationToken);
        }
        catch (Exception refused) when (refused is SyncRefusedException or ProtocolViolationException or HttpRequestException or Microsoft.AspNetCore.SignalR.HubException)
        {
            Fail($"could not join: {refused.Message}");
        }
    }

    /// <summary>Loses its line; with no return planned it may give its subscriptions up, too.</summary>
    public async Task LeaveAsync(CancellationToken cancellationToken)
    {
        Note("leaves");
        await DisconnectAsync();
        if (Plan is { ReturnAt: null, WithNewSubscription: true } && Failure is null)
        {
            foreach (var result in results.Values)
            {
                await http.UnsubscribeAsync(result.Subscription.SubscriptionId, cancellationToken);
            }
        }
    }

    public async Task ReturnAsync(CancellationToken cancellationToken)
    {
        if (Failure is not null)
        {
            return;
        }

        Note("returns");
        try
        {
            foreach (var (query, result) in results)
            {
                if (Plan.WithNewSubscription)
                {
                    result.Continue(await SubscribeAsync(query, cancellationToken));
                }
            }

            await ConnectAsync(cancellationToken);
        }
        catch (Exception refused) when (refused is SyncRefusedException or ProtocolViolationException or HttpRequestException or Microsoft.AspNetCore.SignalR.HubException)
        {
            Fail($"could not return: {refused.Message}");
        }
    }

    /// <summary>True when every result is live at the cut or later, or shown as stale where the query is known to fail.</summary>
    public bool HasReached(ulong cut, Func<int, bool?> fails)
    {
        lock (gate)
        {
            return Failure is not null || !IsConnected || results.All(entry => entry.Value.Stage switch
            {
                ResultStage.Live => entry.Value.Cut >= cut && fails(entry.Key) is not true,
                ResultStage.Ended => true,
                _ => fails(entry.Key) is not false && entry.Value.Code is not null,
            });
        }
    }

    /// <summary>The state of every result, for a report.</summary>
    public string Describe()
    {
        lock (gate)
        {
            return string.Join(", ", results.Select(entry => $"query {entry.Key}: {entry.Value.Stage} {entry.Value.Code} at {StrictResult.Text(entry.Value.Cut)} ({entry.Value.Mode})"));
        }
    }

    public async ValueTask DisposeAsync()
    {
        await DisconnectAsync();
        http.Dispose();
    }

    /// <remarks>A code of the class "back off" is legal: planning a query may lose a deadlock against a TRUNCATE.</remarks>
    private async Task<SubscriptionAnswer> SubscribeAsync(int query, CancellationToken cancellationToken)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await http.SubscribeAsync(
                    scenario.Queries[query].Text, scenario.Queries[query].Parameters.Select(parameter => AsJson(parameter.Value, parameter.Type)), cancellationToken);
            }
            catch (SyncRefusedException refused) when (refused.Status == System.Net.HttpStatusCode.ServiceUnavailable && attempt < 5)
            {
                Note($"was asked to back off: {refused.Code}");
            }
        }
    }

    private async Task ConnectAsync(CancellationToken cancellationToken)
    {
        connection = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        isLeaving = false;
        var followed = new StrictStream(Plan.Kind == ClientKind.OpenStream);
        stream = followed;
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var only = results.Values.First();
        if (Plan.Kind == ClientKind.Events)
        {
            following = FollowAsync(followed, http.EventsAsync(only.Subscription.SubscriptionId, Begin(only), connection.Token), begun);
            return;
        }

        hub = await SyncHubClient.ConnectAsync(server, cancellationToken: cancellationToken);
        if (Plan.Kind == ClientKind.Stream)
        {
            following = FollowAsync(followed, hub.StreamAsync(only.Subscription.SubscriptionId, Begin(only), connection.Token), begun);
            return;
        }

        following = FollowAsync(followed, hub.OpenAsync(connection.Token), begun);
        await begun.Task.WaitAsync(cancellationToken);
        foreach (var result in results.Values)
        {
            await hub.AttachAsync(result.Subscription.SubscriptionId, Begin(result), cancellationToken);
        }

        string? Begin(StrictResult result)
        {
            lock (gate)
            {
                var from = result.Cut is { } cut ? StrictResult.Text(cut) : null;
                followed.Add(result, isResuming: from is not null);
                log.Add($"{result.Subscription.SubscriptionId} joins from {from ?? "nothing"}: {scenario.Queries[results.First(entry => entry.Value == result).Key]}");
                return from;
            }
        }
    }

    private async Task DisconnectAsync()
    {
        lock (gate)
        {
            isLeaving = true;
            stream = null;
        }

        if (connection is null)
        {
            return;
        }

        hub?.Break();
        await connection.CancelAsync();
        await following;
        if (hub is not null)
        {
            await hub.DisposeAsync();
            hub = null;
        }

        connection.Dispose();
        connection = null;
    }

    private async Task FollowAsync(StrictStream followed, IAsyncEnumerable<JsonElement> frames, TaskCompletionSource begun)
    {
        try
        {
            await foreach (var frame in frames)
            {
                lock (gate)
                {
                    if (isLeaving)
                    {
                        break;
                    }

                    Follow(followed, frame);
                }

                begun.TrySetResult();
                changed();
            }

            Fail("the stream has ended");
        }
        catch (ProtocolViolationException violation)
        {
            Fail(violation.Message);
        }
        catch (Exception broken)
        {
            Fail($"the stream broke: {broken.Message}");
        }
        finally
        {
            begun.TrySetResult();
        }
    }

    private void Follow(StrictStream followed, JsonElement frame)
    {
        var text = frame.GetRawText();
        log.Add(text.Length > 1500 ? text[..1500] + " …" : text);
        foreach (var result in followed.Apply(frame))
        {
            var query = results.First(entry => entry.Value == result).Key;
            checkpoints.Add(new Checkpoint(query, result.Cut!.Value, result.Rows, result.Mode));
        }

        if (frame.GetProperty("type").GetString() == "error")
        {
            throw new ProtocolViolationException($"a subscription ended: {text}");
        }
    }

    private void Fail(string what)
    {
        lock (gate)
        {
            if (!isLeaving)
            {
                Failure ??= what;
                log.Add("FAILED: " + what);
            }
        }

        changed();
    }

    private void Note(string what)
    {
        lock (gate)
        {
            log.Add($"the client {what}");
        }
    }

    private static JsonNode? AsJson(string? value, string type) => value is null ? null : type switch
    {
        "int4" or "int2" => JsonValue.Create(long.Parse(value, CultureInfo.InvariantCulture)),
        "bool" => JsonValue.Create(value == "true"),
        "jsonb" => JsonNode.Parse(value),
        _ => JsonValue.Create(value),
    };
}
