using System.Buffers;
using System.Text.Json;
using SyncEngine.Connectors.Hub;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

/// <summary>One stream of a channel, frame by frame as a client takes them.</summary>
sealed class ChannelReader(IAsyncEnumerable<JsonElement> frames, IAsyncDisposable? connection = null) : IAsyncDisposable
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(20);

    private readonly CancellationTokenSource stopping = new();
    private IAsyncEnumerator<JsonElement>? reading;
    private Task<bool>? next;

    public static ChannelReader Of(ChannelFeed feed, string channel, string? from = null, Func<Permissions.Principal>? principal = null) =>
        new(FramesAsync(feed.StreamAsync(principal ?? (() => Permissions.Principal.Engine), channel, from, CancellationToken.None)));

    /// <summary>Null at the end.</summary>
    public async Task<JsonElement?> NextOrEndAsync()
    {
        reading ??= frames.GetAsyncEnumerator(stopping.Token);
        next ??= reading.MoveNextAsync().AsTask();
        var hasFrame = await next.WaitAsync(timeout, TimeProvider.System);
        next = null;
        return hasFrame ? reading.Current : null;
    }

    public async Task<JsonElement> NextAsync() => await NextOrEndAsync() ?? throw new InvalidOperationException("the stream has ended");

    /// <summary>Begins to read the next frame without waiting for it.</summary>
    public void Begin()
    {
        reading ??= frames.GetAsyncEnumerator(stopping.Token);
        next ??= reading.MoveNextAsync().AsTask();
    }

    public bool HasNext => next?.IsCompleted == true;

    /// <summary>
    /// The next frame in short: <c>message 7</c>, <c>live 7</c>, <c>live null</c>, <c>reset must_refetch</c>, <c>error
    /// permission_denied</c>.
    /// </summary>
    public async Task<string> ShortAsync() => Short(await NextAsync());

    public async Task ExpectAsync(params string[] frames)
    {
        foreach (var frame in frames)
        {
            Assert.Equal(frame, await ShortAsync());
        }
    }

    public async Task<JsonElement> UntilAsync(string type)
    {
        while (true)
        {
            var frame = await NextAsync();
            if (frame.GetProperty("type").GetString() == type)
            {
                return frame;
            }
        }
    }

    public static string Short(JsonElement frame) => frame.GetProperty("type").GetString() switch
    {
        "message" => $"message {frame.GetProperty("message").GetProperty("id").GetString()}",
        "live" => $"live {frame.GetProperty("id").GetString() ?? "null"}",
        var type => $"{type} {frame.GetProperty("code").GetString()}",
    };

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        if (next is not null)
        {
            await next.ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        if (reading is not null)
        {
            await reading.DisposeAsync();
        }

        if (connection is not null)
        {
            await connection.DisposeAsync();
        }

        stopping.Dispose();
    }

    private static async IAsyncEnumerable<JsonElement> FramesAsync(
        IAsyncEnumerable<ChannelFrame[]> batches,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await foreach (var batch in batches.WithCancellation(cancellationToken))
        {
            foreach (var frame in batch)
            {
                var json = new ArrayBufferWriter<byte>();
                frame.Frame.WriteTo(json);
                yield return JsonElement.Parse(json.WrittenSpan);
            }
        }
    }
}
