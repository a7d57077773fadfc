namespace SyncEngine.AblySimulator;

/// <summary>The faults under way, in the order in which they were scripted; the first that applies is used.</summary>
sealed class FaultScript(Signal signal)
{
    private readonly Lock access = new();
    private volatile ScriptedFault[] faults = [];

    public ScriptedFault Add(Fault fault, string? channels, Endpoints endpoints, int? times)
    {
        var scripted = new ScriptedFault(fault, channels, endpoints, times, signal, Remove);
        lock (access)
        {
            faults = [.. faults, scripted];
        }

        return scripted;
    }

    public void Clear()
    {
        foreach (var fault in faults)
        {
            fault.Lift();
        }
    }

    /// <summary>Returns the fault of a request to one channel, or none.</summary>
    public ScriptedFault? ForSingle(string channel) => First(fault => fault.AppliesTo(Endpoints.Single, channel));

    public ScriptedFault? ForTokens() => First(fault => fault.AppliesTo(Endpoints.Tokens, channel: null));

    /// <summary>Returns the fault of a batch as a whole. A refusal for some channels is not one, see <see cref="ForSpec"/>.</summary>
    public ScriptedFault? ForBatch(IReadOnlyList<string> channels) => First(fault =>
        fault.Channels is null ? fault.AppliesTo(Endpoints.Batch, channel: null) : fault.Fault is not Fault.Refuse && channels.Any(
            channel => fault.AppliesTo(Endpoints.Batch, channel)));

    /// <summary>Returns the fault of one spec of a batch.</summary>
    public Fault.Refuse? ForSpec(string channel) =>
        First(fault => fault is { Channels: not null, Fault: Fault.Refuse } && fault.AppliesTo(Endpoints.Batch, channel))?.Fault
            as Fault.Refuse;

    private ScriptedFault? First(Func<ScriptedFault, bool> applies)
    {
        foreach (var fault in faults)
        {
            if (applies(fault) && fault.Strike())
            {
                return fault;
            }
        }

        return null;
    }

    private void Remove(ScriptedFault fault)
    {
        lock (access)
        {
            faults = [.. faults.Where(other => other != fault)];
        }
    }
}
