using System.Text.Json;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>
/// One stream of frames as a client follows it, of one subscription or of a connection's many: keeps the order that docs/PROTOCOL.md promises across
/// subscriptions and hands each frame to its result.
/// </summary>
public sealed class StrictStream(bool isOpenStream)
{
    private readonly Dictionary<string, StrictResult> results = new(StringComparer.Ordinal);
    private readonly HashSet<string> removed = new(StringComparer.Ordinal);
    private bool hasBegun;
    private ulong last;

    /// <summary>The highest cut of a <c>cut</c> frame.</summary>
    public ulong LastCut { get; private set; }

    public IReadOnlyCollection<StrictResult> Results => results.Values;

    public void Add(StrictResult result, bool isResuming)
    {
        results.Add(result.Subscription.SubscriptionId, result);
        result.Begin(isResuming);
    }

    /// <summary>It is being detached or deleted: frames still on their way are ignored.</summary>
    public void Remove(string subscriptionId)
    {
        results.Remove(subscriptionId);
        removed.Add(subscriptionId);
    }

    /// <summary>Applies one frame. Returns the results whose rows the frame has spoken for: each is at its cut now.</summary>
    public IReadOnlyList<StrictResult> Apply(JsonElement frame)
    {
        var type = frame.GetProperty("type").GetString();
        if (isOpenStream && !hasBegun && type != "cut")
        {
            throw new ProtocolViolationException($"an open stream begins with {frame.GetRawText()}, not with a cut");
        }

        hasBegun = true;
        return type == "cut" ? Pass(frame) : ApplyToResult(frame);
    }

    private List<StrictResult> Pass(JsonElement frame)
    {
        var cut = StrictResult.CutOf(frame);
        if (cut < last || cut < LastCut)
        {
            throw new ProtocolViolationException($"the cut falls from {StrictResult.Text(Math.Max(last, LastCut))}: {frame.GetRawText()}");
        }

        LastCut = last = cut;
        foreach (var result in results.Values)
        {
            result.Pass(cut);
        }

        return [.. results.Values.Where(result => result.Stage == ResultStage.Live)];
    }

    private List<StrictResult> ApplyToResult(JsonElement frame)
    {
        if (frame.TryGetProperty("sub", out var name) && removed.Contains(name.GetString()!))
        {
            return [];
        }

        if (!frame.TryGetProperty("sub", out var member) || !results.TryGetValue(member.GetString()!, out var result))
        {
            throw new ProtocolViolationException($"a frame of no subscription here: {frame.GetRawText()}");
        }

        var isReplay = result.Stage == ResultStage.Resuming && frame.GetProperty("type").GetString() == "diff";
        if (frame.TryGetProperty("cut", out _) && !isReplay)
        {
            var cut = StrictResult.CutOf(frame);
            if (cut < last)
            {
                throw new ProtocolViolationException($"a frame leaves behind cut {StrictResult.Text(last)}: {frame.GetRawText()}");
            }

            last = cut;
        }

        var before = result.Cut;
        result.Apply(frame, LastCut);
        var speaks = frame.TryGetProperty("cut", out _) && result.Cut is not null
            && (result.Cut != before || frame.GetProperty("type").GetString() == "live");
        return speaks ? [result] : [];
    }
}
