namespace SyncEngine.AblySimulator;

/// <summary>The faults under way, in the order in which they were scripted; the first that applies strikes.</summary>
sealed class FaultScript(Signal signal)
{
    private readonly Lock access = new();
    private volatile ScriptedFault[] faults = [];

    public ScriptedFault Add(Fault fault, string? channels, Doors doors, int? times)
    {
        var scripted = new ScriptedFault(fault, channels, doors, times, signal, Remove);
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

    /// <summary>What strikes a request to one channel, or none.</summary>
    public ScriptedFault? ForSingle(string channel) => First(fault => fault.AppliesTo(Doors.Single, channel));

    public ScriptedFault? ForTokens() => First(fault => fault.AppliesTo(Doors.Tokens, channel: null));

    /// <summary>What strikes a batch as a whole. A refusal for some channels does not, see <see cref="ForSpec"/>.</summary>
    public ScriptedFault? ForBatch(IReadOnlyList<string> channels) => First(fault =>
        fault.Channels is null ? fault.AppliesTo(Doors.Batch, channel: null) : fault.Fault is not Fault.Refuse && channels.Any(channel => fault.AppliesTo(Doors.Batch, channel)));

    /// <summary>What strikes one spec of a batch.</summary>
    public Fault.Refuse? ForSpec(string channel) =>
        First(fault => fault is { Channels: not null, Fault: Fault.Refuse } && fault.AppliesTo(Doors.Batch, channel))?.Fault as Fault.Refuse;

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
