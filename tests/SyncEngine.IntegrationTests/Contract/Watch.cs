using System.Text.Json;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>
/// The reader of a stream: keeps its frames, applies them strictly by the contract, and lets a test wait for them.
/// A frame that the contract rules out ends the stream, and every later wait fails with it.
/// </summary>
public sealed class Watch : IAsyncDisposable
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(60);

    private readonly CancellationTokenSource leaving = new();
    private readonly Lock access = new(); // the pump writes what tests read
    private readonly List<JsonElement> frames = [];
    private readonly StrictStream stream;
    private readonly IAsyncDisposable connection;
    private TaskCompletionSource changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task pump = Task.CompletedTask;

    private Watch(StrictStream stream, IAsyncDisposable connection)
    {
        this.stream = stream;
        this.connection = connection;
    }

    public static Watch OfSubscription(IAsyncDisposable connection, IAsyncEnumerable<JsonElement> frames, SubscriptionAnswer subscription, string? from, StrictResult? held = null)
    {
        var watch = new Watch(new StrictStream(isOpenStream: false), connection) { Hub = connection as SyncHubClient, Result = held ?? new StrictResult(subscription) };
        // Whether a cut is still held is the server's to say: a resumed stream may begin with a reset.
        watch.stream.Add(watch.Result, isResuming: from is not null);
        watch.pump = watch.PumpAsync(frames);
        return watch;
    }

    public static Watch OfConnection(SyncHubClient hub)
    {
        var watch = new Watch(new StrictStream(isOpenStream: true), hub) { Hub = hub };
        watch.pump = watch.PumpAsync(hub.OpenAsync(watch.leaving.Token));
        return watch;
    }

    public SyncHubClient? Hub { get; private init; }

    /// <summary>Of a stream of one subscription.</summary>
    public StrictResult Result { get; private init; } = null!;

    public SubscriptionAnswer Subscription => Result.Subscription;

    public string[] Rows
    {
        get
        {
            lock (access)
            {
                return Result.Rows;
            }
        }
    }

    public string Cut
    {
        get
        {
            lock (access)
            {
                return StrictResult.Text(Result.Cut);
            }
        }
    }

    public IReadOnlyList<JsonElement> Frames
    {
        get
        {
            lock (access)
            {
                return [.. frames];
            }
        }
    }

    /// <summary>Frames of these types among all there were.</summary>
    public IEnumerable<JsonElement> OfType(string type) => Frames.Where(frame => Type(frame) == type);

    /// <summary>The failure that ended the stream; null when it ended as it should.</summary>
    public Exception? Failure { get; private set; }

    public bool HasEnded { get; private set; }

    public async Task<StrictResult> AttachAsync(SubscriptionAnswer subscription, string? from = null, StrictResult? held = null)
    {
        var result = held ?? new StrictResult(subscription);
        lock (access)
        {
            stream.Add(result, from is not null);
        }

        await Hub!.AttachAsync(subscription.SubscriptionId, from);
        return result;
    }

    public async Task DetachAsync(StrictResult result)
    {
        await Hub!.DetachAsync(result.Subscription.SubscriptionId);
        lock (access)
        {
            stream.Remove(result.Subscription.SubscriptionId);
        }
    }

    public Task LiveAsync() => UntilAsync(() => Result.Stage == ResultStage.Live, "live");

    /// <summary>Until the result has exactly these rows, each a JSON array.</summary>
    public Task RowsAsync(params string[] rows) => UntilAsync(
        () => Result.Stage == ResultStage.Live && (Result.Subscription.Ordered ? Result.Rows.SequenceEqual(rows) : Result.Rows.SequenceEqual(rows.Order(StringComparer.Ordinal))),
        $"the rows {string.Join(" ", rows)}");

    /// <summary>Until the stream speaks for a position.</summary>
    public Task PassAsync(ulong position) => UntilAsync(() => Math.Max(stream.LastCut, Result?.Cut ?? 0) >= position, $"cut {StrictResult.Text(position)}");

    /// <summary>The first frame of a type after a number of frames.</summary>
    public async Task<JsonElement> FrameAsync(string type, int after = 0, string? code = null)
    {
        JsonElement found = default;
        await UntilAsync(
            () =>
            {
                found = frames.Skip(after).FirstOrDefault(frame => Type(frame) == type && (code is null || frame.GetProperty("code").GetString() == code));
                return found.ValueKind != JsonValueKind.Undefined;
            },
            $"a frame {type} {code}");
        return found;
    }

    public async Task EndAsync() => await UntilAsync(() => HasEnded, "the stream's end", mayEnd: true);

    public async Task UntilAsync(Func<bool> holds, string what, bool mayEnd = false)
    {
        using var deadline = new CancellationTokenSource(timeout, TimeProvider.System);
        while (true)
        {
            Task next;
            lock (access)
            {
                if (holds())
                {
                    return;
                }

                Assert.False(HasEnded && !mayEnd, $"the stream ended before {what}: {Failure}\n{Last()}");
                next = changed.Task;
            }

            try
            {
                await next.WaitAsync(deadline.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"waited in vain for {what}; ended: {HasEnded} {Failure}; at {Result?.Stage} with {(Result is null ? "" : string.Join(" ", Result.Rows.Take(20)))}\n{Last()}");
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await leaving.CancelAsync();
        await connection.DisposeAsync();
        await pump;
        leaving.Dispose();
    }

    private static string Type(JsonElement frame) => frame.GetProperty("type").GetString()!;

    private string Last() => string.Join('\n', frames.TakeLast(8).Select(frame => frame.GetRawText() is { Length: > 400 } text ? text[..400] + " …" : frame.GetRawText()));

    private async Task PumpAsync(IAsyncEnumerable<JsonElement> source)
    {
        try
        {
            await foreach (var frame in source.WithCancellation(leaving.Token))
            {
                Change(() =>
                {
                    frames.Add(frame);
                    stream.Apply(frame);
                });
            }
        }
        catch (OperationCanceledException) when (leaving.IsCancellationRequested)
        {
            // The test has seen enough.
        }
        catch (Exception failure)
        {
            Failure = failure;
        }

        Change(() => HasEnded = true);
    }

    private void Change(Action change)
    {
        lock (access)
        {
            try
            {
                change();
            }
            finally
            {
                changed.SetResult();
                changed = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
        }
    }
}
