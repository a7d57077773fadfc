using System.Buffers;
using System.Text.Json;
using SyncEngine.Delivery;
using SyncEngine.Planning;

namespace SyncEngine.Server.Endpoints;

/// <summary>Builds whole results from frames, as any client does. Rows are kept as JSON by key, in order where the query orders.</summary>
sealed class WholeResult(QueryPlan plan)
{
    private readonly int[] key = [.. plan.Key.Select(name => IndexOf(plan, name))];
    private List<(string Key, JsonElement Row)> rows = [];
    private List<(string Key, JsonElement Row)> snapshot = [];
    private readonly List<JsonElement> parts = [];
    private bool isLive;

    /// <summary>The whole result after the frame; null while it is incomplete.</summary>
    public ReadOnlyMemory<byte>? Apply(FrameType type, ReadOnlyMemory<byte> frame)
    {
        using var document = JsonDocument.Parse(frame);
        var root = document.RootElement;
        switch (type)
        {
            case FrameType.Reset:
                snapshot = [];
                isLive = false;
                return null;
            case FrameType.Snapshot:
                foreach (var row in root.GetProperty("rows").EnumerateArray())
                {
                    snapshot.Add((KeyOf(row), row.Clone()));
                }

                return null;
            case FrameType.Live:
                if (!isLive)
                {
                    rows = snapshot;
                    snapshot = [];
                }

                isLive = true;
                return Answer(root.GetProperty("cut").GetString()!);
            case FrameType.Diff:
                parts.Add(root.Clone());
                if (root.TryGetProperty("more", out _))
                {
                    return null;
                }

                ApplyDiff();
                return isLive ? Answer(root.GetProperty("cut").GetString()!) : null;
            default:
                return null;
        }
    }

    private static int IndexOf(QueryPlan plan, string name)
    {
        for (var i = 0; i < plan.Columns.Length; i++)
        {
            if (plan.Columns[i].Name == name)
            {
                return i;
            }
        }

        throw new System.Diagnostics.UnreachableException($"key column {name} is not in the result");
    }

    private void ApplyDiff()
    {
        var gone = new HashSet<string>(StringComparer.Ordinal);
        List<(string Key, JsonElement Row, int? At)> placed = [];
        foreach (var part in parts)
        {
            foreach (var removed in Items(part, "removed"))
            {
                gone.Add(string.Join('\u001f', removed.EnumerateArray().Select(value => value.GetRawText())));
            }

            Place(part, "added", "addedAt", placed);
            Place(part, "updated", "updatedAt", placed);
        }

        parts.Clear();
        if (plan.IsOrdered)
        {
            gone.UnionWith(placed.Select(row => row.Key));
            rows.RemoveAll(row => gone.Contains(row.Key));
            foreach (var (rowKey, row, at) in placed.OrderBy(row => row.At))
            {
                rows.Insert(Math.Min(at ?? rows.Count, rows.Count), (rowKey, row));
            }

            return;
        }

        var changed = placed.ToDictionary(row => row.Key, row => row.Row, StringComparer.Ordinal);
        rows = [.. rows.Where(row => !gone.Contains(row.Key)).Select(row => changed.Remove(row.Key, out var now) ? (row.Key, now) : row)];
        rows.AddRange(placed.Where(row => changed.ContainsKey(row.Key)).Select(row => (row.Key, row.Row)));
    }

    private void Place(JsonElement part, string name, string positionsName, List<(string, JsonElement, int?)> placed)
    {
        var positions = Items(part, positionsName).Select(position => position.GetInt32()).ToList();
        var index = 0;
        foreach (var row in Items(part, name))
        {
            placed.Add((KeyOf(row), row, index < positions.Count ? positions[index] : null));
            index++;
        }
    }

    private static IEnumerable<JsonElement> Items(JsonElement part, string name) =>
        part.TryGetProperty(name, out var list) ? list.EnumerateArray() : [];

    private string KeyOf(JsonElement row) => string.Join('\u001f', key.Select(column => row[column].GetRawText()));

    private ReadOnlyMemory<byte> Answer(string cut)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartArray("rows");
            foreach (var (_, row) in rows)
            {
                json.WriteStartObject();
                for (var i = 0; i < plan.Columns.Length; i++)
                {
                    if (!plan.Columns[i].IsHidden)
                    {
                        json.WritePropertyName(plan.Columns[i].Name);
                        row[i].WriteTo(json);
                    }
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteString("cut", cut);
            json.WriteEndObject();
        }

        return buffer.WrittenMemory;
    }
}
