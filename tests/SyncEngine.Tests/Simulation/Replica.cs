using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using SyncEngine.Changes;

namespace SyncEngine.Tests.Simulation;

enum ReplicaState
{
    /// <summary>Attached: a replay or a reset and a snapshot come.</summary>
    Joining,

    Snapshot,

    Live,

    Stale,

    Ended,
}

/// <summary>
/// A strict client of one subscription: applies frames by the letter of the contract, throws at every frame that it does not allow, and holds
/// its rows to the model database after every cut.
/// </summary>
sealed class Replica(string label, ModelQuery query, ImmutableArray<string?> parameters, ModelDatabase database)
{
    private readonly Dictionary<string, string> rows = [];
    private readonly List<string> order = [];
    private readonly List<JsonElement> parts = [];

    public ReplicaState State { get; private set; } = ReplicaState.Joining;

    /// <summary>The last cut applied; null while there are no rows.</summary>
    public Lsn? Cut { get; private set; }

    public ModelQuery Query { get; } = query;

    /// <summary>A stream begins again where this replica stopped, or without rows.</summary>
    public void Rejoin(bool keepsRows)
    {
        State = ReplicaState.Joining;
        parts.Clear();
        if (!keepsRows)
        {
            Forget();
        }
    }

    /// <param name="lastCut">The last cut that the stream has sent.</param>
    public void Apply(JsonElement frame, Lsn lastCut)
    {
        Expect(State != ReplicaState.Ended, "nothing comes after an error", frame);
        var type = frame.GetProperty("type").GetString();
        switch (type)
        {
            case "snapshot":
                Snapshot(frame);
                break;
            case "live":
                Live(frame, lastCut);
                break;
            case "diff":
                Diff(frame, lastCut);
                break;
            case "stale":
                State = State == ReplicaState.Live ? ReplicaState.Stale : State;
                break;
            case "reset":
                Forget();
                State = ReplicaState.Joining;
                parts.Clear();
                break;
            case "error":
                State = ReplicaState.Ended;
                break;
            default:
                Expect(false, "an unknown type", frame);
                break;
        }
    }

    /// <summary>The stream has sent a cut; a live subscription has got everything up to it.</summary>
    public void Reach(Lsn cut)
    {
        if (State == ReplicaState.Live)
        {
            Expect(parts.Count == 0, $"the cut {cut} comes in the middle of a diff", default);
            Cut = cut;
            Compare();
        }
    }

    public override string ToString() => $"{label} {Query.Name}({string.Join(", ", parameters)}) {State} at {Cut}";

    private void Snapshot(JsonElement frame)
    {
        Expect(State is ReplicaState.Joining or ReplicaState.Snapshot, "a snapshot comes to a subscription that waits for none", frame);
        Expect(State == ReplicaState.Snapshot || Cut is null, "a snapshot comes without a reset to a client that has rows", frame);
        Expect(State != ReplicaState.Snapshot || parts.Count == 1, "a snapshot goes on after its last chunk", frame);
        State = ReplicaState.Snapshot;
        parts.Clear();
        if (frame.TryGetProperty("more", out _))
        {
            parts.Add(frame);
        }

        foreach (var row in frame.GetProperty("rows").EnumerateArray())
        {
            var key = KeyOf(row);
            Expect(rows.TryAdd(key, row.GetRawText()), $"the key {key} comes twice", frame);
            order.Add(key);
        }
    }

    private void Live(JsonElement frame, Lsn lastCut)
    {
        var cut = CutOf(frame);
        Expect(parts.Count == 0, "live comes in the middle", frame);
        Expect(State != ReplicaState.Joining || Cut is not null, "live comes before any rows", frame);
        Expect(cut >= lastCut, $"live comes below the cut {lastCut}", frame);
        Expect(Cut is null || cut >= Cut, $"live comes below the client's own cut {Cut}", frame);
        State = ReplicaState.Live;
        Cut = cut;
        Compare();
    }

    private void Diff(JsonElement frame, Lsn lastCut)
    {
        Expect(State != ReplicaState.Snapshot && Cut is not null, "a diff comes before the rows that it changes", frame);
        Expect(CutOf(frame) > Cut, $"a diff comes at or below the client's own cut {Cut}", frame);
        Expect(State != ReplicaState.Live || CutOf(frame) > lastCut, $"a diff comes at or below the cut {lastCut}", frame);
        Expect(parts.Count == 0 || CutOf(parts[0]) == CutOf(frame), "the parts of a diff have several cuts", frame);
        parts.Add(frame);
        if (frame.TryGetProperty("more", out _))
        {
            return;
        }

        ApplyParts(frame);
        parts.Clear();
        Cut = CutOf(frame);
        Compare();
    }

    private void ApplyParts(JsonElement last)
    {
        HashSet<string> seen = [];
        List<(int At, string Key)> placed = [];
        foreach (var part in parts)
        {
            foreach (var key in Items(part, "removed").Select(key => key.GetRawText()))
            {
                Expect(seen.Add(key) && rows.Remove(key), $"{key} is removed and was not there, or twice", part);
                order.Remove(key);
            }

            foreach (var name in (string[])["added", "updated"])
            {
                var positions = Items(part, name + "At").Select(position => position.GetInt32()).ToList();
                var index = 0;
                foreach (var row in Items(part, name))
                {
                    var key = KeyOf(row);
                    Expect(seen.Add(key), $"{key} is in two lists", part);
                    Expect(rows.ContainsKey(key) == (name == "updated"), $"{key} is {name} and was{(name == "added" ? "" : " not")} there", part);
                    rows[key] = row.GetRawText();
                    order.Remove(key);
                    if (Query.Plan.IsOrdered)
                    {
                        placed.Add((positions[index++], key));
                    }
                    else
                    {
                        order.Add(key);
                    }
                }

                Expect(positions.Count == index, "positions run beside the rows of an ordered result only", part);
            }
        }

        Expect(seen.Count > 0, "an empty diff", last);
        foreach (var (at, key) in placed.OrderBy(place => place.At))
        {
            Expect(at <= order.Count, $"{key} is placed past the end", last);
            order.Insert(at, key);
        }
    }

    private void Compare()
    {
        var expected = Query.Evaluate(database.At(Cut!.Value), parameters).Select(row => (Key: row.Key.ToString(), Json: Encoding.UTF8.GetString(row.Json))).ToList();
        var isEqual = expected.Count == rows.Count
            && expected.TrueForAll(row => rows.TryGetValue(row.Key, out var json) && json == row.Json)
            && (!Query.Plan.IsOrdered || expected.Select(row => row.Key).SequenceEqual(order));
        if (!isEqual)
        {
            throw new InvalidOperationException(
                $"{this}: has {string.Join(" ", order.Select(key => rows[key]))}, the database {string.Join(" ", expected.Select(row => row.Json))}");
        }
    }

    private string KeyOf(JsonElement row)
    {
        var plan = Query.Plan;
        return "[" + string.Join(",", plan.Key.Select(name => row[plan.Columns.ToList().FindIndex(column => column.Name == name)].GetRawText())) + "]";
    }

    private void Forget()
    {
        rows.Clear();
        order.Clear();
        Cut = null;
    }

    private static IEnumerable<JsonElement> Items(JsonElement frame, string name) => frame.TryGetProperty(name, out var list) ? list.EnumerateArray() : [];

    private static Lsn CutOf(JsonElement frame) => Lsn.Parse(frame.GetProperty("cut").GetString());

    private void Expect(bool isSo, string otherwise, JsonElement frame)
    {
        if (!isSo)
        {
            throw new InvalidOperationException($"{this}: {otherwise}: {(frame.ValueKind == JsonValueKind.Undefined ? "" : frame.GetRawText())}");
        }
    }
}
