using System.Text.Json;

namespace SyncEngine.AblySimulator;

/// <summary>
/// Messages for some channels, as one item of a batch. A spec whose messages Ably refuses fails for each of its channels.
/// </summary>
sealed record BatchSpec(IReadOnlyList<string> Channels, Publish? Publish, AblyError? Error)
{
    public const int MaxBodyBytes = 2 * 1024 * 1024;
    private const int MaxMessages = 1000;

    /// <summary>Reads one spec or an array of them.</summary>
    public static IReadOnlyList<BatchSpec> Read(JsonElement body, SimulatorOptions options)
    {
        BatchSpec[] specs = body.ValueKind switch
        {
            JsonValueKind.Object => [ReadSpec(body, options.MaxMessageBytes)],
            JsonValueKind.Array => [.. body.EnumerateArray().Select(spec => ReadSpec(spec, options.MaxMessageBytes))],
            _ => throw new AblyException(AblyError.BadRequest("a batch is a spec, or an array of specs")),
        };
        var channels = specs.SelectMany(spec => spec.Channels).Distinct(StringComparer.Ordinal).Count();
        return channels == 0 ? throw new AblyException(AblyError.BadRequest("the batch names no channel"))
            : channels > options.MaxBatchChannels ? throw new AblyException(
                new AblyError(400, 90010, $"the batch names {channels} channels, of at most {options.MaxBatchChannels}"))
            : specs;
    }

    private static BatchSpec ReadSpec(JsonElement spec, int maxMessageBytes)
    {
        if (spec.ValueKind is not JsonValueKind.Object
            || !spec.TryGetProperty("channels", out var channels)
            || !spec.TryGetProperty("messages", out var messages))
        {
            throw new AblyException(AblyError.BadRequest("a spec is an object with channels and messages"));
        }

        if (messages.ValueKind is JsonValueKind.Array && messages.GetArrayLength() > MaxMessages)
        {
            throw new AblyException(AblyError.BadRequest($"a spec has at most {MaxMessages} messages"));
        }

        var names = Names(channels);
        try
        {
            return new BatchSpec(names, Publish.Read(messages, maxMessageBytes), Error: null);
        }
        catch (AblyException exception)
        {
            return new BatchSpec(names, Publish: null, exception.Error);
        }
    }

    private static string[] Names(JsonElement channels) => channels.ValueKind switch
    {
        JsonValueKind.String => [channels.GetString()!],
        JsonValueKind.Array when channels.EnumerateArray().All(channel => channel.ValueKind is JsonValueKind.String) =>
            [.. channels.EnumerateArray().Select(channel => channel.GetString()!)],
        _ => throw new AblyException(AblyError.BadRequest("channels is a name or an array of names")),
    };
}
