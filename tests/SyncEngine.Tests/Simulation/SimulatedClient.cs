using System.Buffers;
using System.Collections.Immutable;
using System.Text.Json;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.Permissions;

namespace SyncEngine.Tests.Simulation;

/// <summary>One connection: an open stream with attached subscriptions or a stream of a single one, read fast or slowly.</summary>
sealed class SimulatedClient(string name, LiveQueryEngine engine, ModelDatabase database, Random random)
{
    private readonly StreamService streams = new(engine);
    private readonly Dictionary<string, Replica> attached = [];
    private readonly Dictionary<string, Replica> left = [];
    private readonly Dictionary<string, (ModelQuery Query, ImmutableArray<string?> Parameters)> subscribed = [];
    private ClientStream? stream;
    private Lsn lastCut;
    private bool hasFirstCut;
    private bool isBusy;
    private string? leaving;

    /// <summary>Number of frames that it takes at a time.</summary>
    public int Pace { get; init; } = int.MaxValue;

    public IEnumerable<Replica> Attached => attached.Values;

    public int Diffs { get; private set; }

    public Lsn LastCut => lastCut;

    public bool IsConnected => stream is not null;

    public bool IsBusy => isBusy;

    public bool IsStalled => stream?.Stalled.IsCancellationRequested == true;

    /// <summary>Does one thing that a client may do. At most one is under way.</summary>
    public Task ActAsync()
    {
        if (isBusy)
        {
            return Task.CompletedTask;
        }

        isBusy = true;
        return FinishAsync(IsStalled ? CloseAsync() : random.Next(10) switch
        {
            0 when stream is not null && random.Next(2) == 0 => CloseAsync(),
            1 when stream is { IsSingle: false } && attached.Count > 0 => DetachAsync(),
            2 when left.Count > 0 && random.Next(4) == 0 => UnsubscribeAsync(),
            < 5 when left.Count == 0 => SubscribeAsync(),
            _ when stream is null => random.Next(3) == 0 && left.Count > 0 ? StreamAsync() : OpenAsync(),
            _ when stream is { IsSingle: false } && left.Count > 0 => AttachAsync(),
            _ => Task.CompletedTask,
        });
    }

    /// <summary>Takes frames that wait and checks each.</summary>
    public void Read(bool all = false)
    {
        if (stream is null)
        {
            return;
        }

        for (var i = 0; (all || i < Pace) && stream.Queue.TryTake(out var frame); i++)
        {
            var buffer = new ArrayBufferWriter<byte>();
            frame.WriteTo(buffer);
            using var document = JsonDocument.Parse(buffer.WrittenMemory);
            Take(document.RootElement.Clone());
        }
    }

    private void Take(JsonElement frame)
    {
        var type = frame.GetProperty("type").GetString();
        if (type == "cut")
        {
            var cut = Lsn.Parse(frame.GetProperty("cut").GetString());
            Expect(!hasFirstCut || cut >= lastCut, $"the cut falls from {lastCut}", frame);
            hasFirstCut = true;
            lastCut = cut;
            foreach (var replica in attached.Values)
            {
                replica.Reach(cut);
            }

            return;
        }

        Expect(hasFirstCut || stream!.IsSingle, "an open stream begins with a cut", frame);
        var id = frame.GetProperty("sub").GetString()!;
        if (id == leaving)
        {
            return;
        }

        Expect(attached.TryGetValue(id, out var known), "a frame comes for a subscription that is not attached", frame);
        known!.Apply(frame, lastCut);
        Diffs += type == "diff" ? 1 : 0;
        if (known.State == ReplicaState.Ended)
        {
            attached.Remove(id);
            subscribed.Remove(id);
        }
    }

    private async Task FinishAsync(Task action)
    {
        try
        {
            await action;
        }
        finally
        {
            isBusy = false;
        }
    }

    private async Task SubscribeAsync()
    {
        if (subscribed.Count >= 6)
        {
            return;
        }

        var query = ModelQuery.All[random.Next(ModelQuery.All.Length)];
        ImmutableArray<string?> parameters = [.. Enumerable.Range(0, query.ParameterCount)
            .Select(_ => random.Next(8) is var value && value < 7 ? (value % 4).ToString(System.Globalization.CultureInfo.InvariantCulture) : null)];
        var subscription = await engine.RegisterAsync(Principal.Engine, query.Plan, parameters, CancellationToken.None);
        subscribed.Add(subscription.Id, (query, parameters));
        left.Add(subscription.Id, new Replica($"{name}/{subscribed.Count}", query, parameters, database));
    }

    private async Task UnsubscribeAsync()
    {
        var id = left.Keys.ElementAt(random.Next(left.Count));
        left.Remove(id);
        subscribed.Remove(id);
        await engine.UnregisterAsync(Principal.Engine, id, CancellationToken.None);
    }

    private async Task OpenAsync()
    {
        var opened = await streams.OpenAsync(Principal.Engine, CancellationToken.None);
        Begin(opened);
    }

    private async Task StreamAsync()
    {
        var (id, from) = ChooseLeft();
        var opened = await streams.StreamAsync(Principal.Engine, id, from, CancellationToken.None);
        Begin(opened);
    }

    private async Task AttachAsync()
    {
        var (id, from) = ChooseLeft();
        await streams.AttachAsync(stream!, id, from, CancellationToken.None);
    }

    private (string Id, string? From) ChooseLeft()
    {
        var (id, replica) = left.ElementAt(random.Next(left.Count));
        left.Remove(id);
        attached.Add(id, replica);
        var forged = random.Next(12);
        var from = forged == 0 ? "nonsense" : forged == 1 ? "FFFF/0" : forged == 2 ? null : replica.Cut?.ToString();
        replica.Rejoin(keepsRows: from is not null);
        return (id, from);
    }

    private async Task DetachAsync()
    {
        // From the call on its frames are ignored; after the answer none comes.
        leaving = attached.Keys.ElementAt(random.Next(attached.Count));
        attached.Remove(leaving, out var replica);
        await streams.DetachAsync(stream!, leaving, CancellationToken.None);
        left.Add(leaving, replica!);
        leaving = null;
    }

    private async Task CloseAsync()
    {
        var closing = stream!;
        stream = null;
        foreach (var (id, replica) in attached)
        {
            left.Add(id, replica);
        }

        attached.Clear();
        await streams.CloseAsync(closing, CancellationToken.None);
    }

    private void Begin(ClientStream opened)
    {
        stream = opened;
        hasFirstCut = false;
        lastCut = Lsn.Zero;
    }

    private void Expect(bool isSo, string otherwise, JsonElement frame)
    {
        if (!isSo)
        {
            throw new InvalidOperationException($"{name}: {otherwise}: {frame.GetRawText()}");
        }
    }
}
