using System.Text.Encodings.Web;
using System.Text.Json;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>The state of a subscription on its stream.</summary>
public enum ResultStage
{
    /// <summary>Attached with a cut to go on from: diffs, then live; or a reset.</summary>
    Resuming,

    /// <summary>Nothing is held: a snapshot must follow.</summary>
    Empty,

    /// <summary>Some chunks of a snapshot have come.</summary>
    Filling,

    /// <summary>The snapshot is complete, its cut is not known yet.</summary>
    Filled,

    Live,

    /// <summary>The rows are those of an earlier cut.</summary>
    Stale,

    Ended,
}

/// <summary>
/// One subscription's rows as a client holds them: applies frames as docs/PROTOCOL.md, section 6, says and refuses whatever that page rules out.
/// </summary>
public sealed class StrictResult(SubscriptionAnswer subscription)
{
    private static readonly JsonWriterOptions plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly int[] keyColumns = [.. subscription.Key.Select(name => IndexOf(subscription, name))];
    private readonly int[] shownColumns = [.. Enumerable.Range(0, subscription.Columns.Length).Where(column => !subscription.Columns[column].Hidden)];
    private Dictionary<string, Row> rows = new(StringComparer.Ordinal);
    private List<string> order = [];
    private readonly List<JsonElement> parts = [];
    private string[]? shown = [];

    public SubscriptionAnswer Subscription { get; private set; } = subscription;

    public ResultStage Stage { get; private set; } = ResultStage.Empty;

    /// <summary>The last cut at which the rows are known to be right; what to resume from.</summary>
    public ulong? Cut { get; private set; }

    /// <summary>The last mode that a frame has named.</summary>
    public string Mode { get; private set; } = subscription.Plan.Mode;

    /// <summary>The code of the last stale or error frame.</summary>
    public string? Code { get; private set; }

    public int Count => rows.Count;

    /// <summary>The rows without hidden columns as canonical JSON arrays: in order for an ordered result, else sorted by text. The same array until a row changes.</summary>
    public string[] Rows => shown ??= Show();

    /// <summary>A stream begins for it, with what was held before or without.</summary>
    public void Begin(bool isResuming)
    {
        parts.Clear();
        Stage = isResuming ? ResultStage.Resuming : ResultStage.Empty;
        if (!isResuming)
        {
            Forget();
        }
    }

    /// <summary>Goes on under another subscription to the same query and parameters.</summary>
    public void Continue(SubscriptionAnswer again)
    {
        var isSame = again.Columns.SequenceEqual(Subscription.Columns) && again.Key.SequenceEqual(Subscription.Key) && again.Ordered == Subscription.Ordered;
        Require(isSame, "another subscription to the same query has another shape", default);
        Subscription = again;
        Mode = again.Plan.Mode;
    }

    /// <param name="lastCut">The highest <c>cut</c> frame of the stream.</param>
    public void Apply(JsonElement frame, ulong lastCut)
    {
        if (Stage == ResultStage.Ended)
        {
            throw Violation("comes after the end", frame);
        }

        switch (frame.GetProperty("type").GetString())
        {
            case "snapshot":
                Fill(frame);
                break;
            case "live":
                GoLive(frame, lastCut);
                break;
            case "diff":
                Change(frame, lastCut);
                break;
            case "stale":
                Require(parts.Count == 0, "comes between the parts of a diff", frame);
                Code = frame.GetProperty("code").GetString();
                Stage = Stage == ResultStage.Live ? ResultStage.Stale : Stage;
                break;
            case "reset":
                Require(frame.GetProperty("code").GetString() is { Length: > 0 }, "has no code", frame);
                Forget();
                Stage = ResultStage.Empty;
                break;
            case "error":
                Code = frame.GetProperty("code").GetString();
                Stage = ResultStage.Ended;
                break;
            default:
                throw Violation("has a type that is not in the contract", frame);
        }
    }

    /// <summary>The stream has reached a cut, which holds for the rows while they are live.</summary>
    public void Pass(ulong cut)
    {
        if (Stage == ResultStage.Live)
        {
            Require(parts.Count == 0, $"cut {cut:X} comes between the parts of a diff", default);
            Cut = cut;
        }
    }

    private void Fill(JsonElement frame)
    {
        Require(Stage is ResultStage.Empty or ResultStage.Filling, $"comes while {Stage}", frame);
        foreach (var row in frame.GetProperty("rows").EnumerateArray())
        {
            var read = Read(row, frame);
            Require(rows.TryAdd(read.Key, read), "holds a key twice", frame);
            order.Add(read.Key);
        }

        shown = null;
        Stage = HasMore(frame) ? ResultStage.Filling : ResultStage.Filled;
    }

    private void GoLive(JsonElement frame, ulong lastCut)
    {
        Require(Stage is ResultStage.Filled or ResultStage.Resuming or ResultStage.Stale or ResultStage.Live, $"comes while {Stage}", frame);
        Require(parts.Count == 0, "comes between the parts of a diff", frame);
        var cut = CutOf(frame);
        Require(cut >= lastCut, $"is below a cut of the stream, {Text(lastCut)}", frame);
        Require(Cut is null || cut >= Cut, $"is below the cut that the rows are at, {Text(Cut)}", frame);
        if (frame.TryGetProperty("plan", out var plan))
        {
            Mode = plan.GetProperty("mode").GetString()!;
        }

        Cut = cut;
        Code = null;
        Stage = ResultStage.Live;
    }

    private void Change(JsonElement frame, ulong lastCut)
    {
        Require(Stage is ResultStage.Live or ResultStage.Resuming or ResultStage.Stale, $"comes while {Stage}", frame);
        var cut = CutOf(frame);
        // A result that reads the clock changes at the cut that was sent last: only time has passed.
        var readsClock = Subscription.Plan.Reason?.Contains("run again every", StringComparison.Ordinal) == true;
        Require(Stage != ResultStage.Live || cut > lastCut || (readsClock && cut == lastCut), $"changes what the cut {Text(lastCut)} has promised", frame);
        Require(Stage != ResultStage.Stale || cut >= lastCut, $"is below a cut of the stream, {Text(lastCut)}", frame);
        Require(Cut is null || cut > Cut || ((Stage == ResultStage.Stale || readsClock) && cut == Cut), $"is not above the cut that the rows are at, {Text(Cut)}", frame);
        Require(parts.Count == 0 || CutOf(parts[0]) == cut, "has another cut than its first part", frame);
        parts.Add(frame);
        if (HasMore(frame))
        {
            return;
        }

        Apply(parts, frame);
        parts.Clear();
        Cut = cut;
        shown = null;
    }

    private void Apply(List<JsonElement> diff, JsonElement frame)
    {
        HashSet<string> listed = new(StringComparer.Ordinal);
        List<(int At, string Key)> placed = [];
        var before = Subscription.Ordered ? order.ToArray() : null;
        var hasChanged = false;
        foreach (var key in diff.SelectMany(part => List(part, "removed")).Select(Canonical))
        {
            Require(listed.Add(key), $"lists key {key} twice", frame);
            Require(rows.Remove(key), $"removes {key}, which is not there", frame);
            hasChanged = true;
        }

        foreach (var part in diff)
        {
            Place(part, "updated", (row, _) =>
            {
                Require(rows.TryGetValue(row.Key, out var old), $"updates {row.Key}, which is not there", frame);
                var isSame = old!.Whole == row.Whole;
                Require(!isSame || Subscription.Ordered, $"updates {row.Key} to what it was", frame);
                hasChanged |= !isSame;
                rows[row.Key] = row;
            });
        }

        foreach (var part in diff)
        {
            Place(part, "added", (row, _) =>
            {
                Require(rows.TryAdd(row.Key, row), $"adds {row.Key}, which is there", frame);
                hasChanged = true;
            });
        }

        if (Subscription.Ordered)
        {
            order.RemoveAll(listed.Contains);
            foreach (var (at, key) in placed.OrderBy(entry => entry.At))
            {
                Require(at <= order.Count, $"puts a row at {at} where {order.Count} are before it", frame);
                order.Insert(at, key);
            }

            Require(placed.All(entry => order[entry.At] == entry.Key), "gives two rows one position", frame);
            Require(order.Count == rows.Count, "leaves rows without a position", frame);
        }

        Require(hasChanged || (before is not null && !before.AsSpan().SequenceEqual(order.ToArray())), "changes nothing", frame);

        void Place(JsonElement part, string list, Action<Row, int> put)
        {
            int[]? positions = part.TryGetProperty(list + "At", out var at) ? [.. at.EnumerateArray().Select(index => index.GetInt32())] : null;
            var count = 0;
            foreach (var item in List(part, list))
            {
                var row = Read(item, frame);
                Require(listed.Add(row.Key), $"lists key {row.Key} twice", frame);
                put(row, count);
                if (Subscription.Ordered)
                {
                    Require(positions is not null && count < positions.Length, $"has no position for every {list} row", frame);
                    placed.Add((positions![count], row.Key));
                }

                count++;
            }

            Require(positions is null || (Subscription.Ordered && positions.Length == count), $"has positions that belong to no {list} row", frame);
        }
    }

    private void Forget()
    {
        rows = new Dictionary<string, Row>(StringComparer.Ordinal);
        order = [];
        parts.Clear();
        Cut = null;
        shown = null;
    }

    private string[] Show() => Subscription.Ordered
        ? [.. order.Select(key => rows[key].Shown)]
        : [.. rows.Values.Select(row => row.Shown).Order(StringComparer.Ordinal)];

    private Row Read(JsonElement row, JsonElement frame)
    {
        Require(row.ValueKind == JsonValueKind.Array && row.GetArrayLength() == Subscription.Columns.Length, $"has a row that is not {Subscription.Columns.Length} values", frame);
        return new Row(Canonical(keyColumns.Select(column => row[column])), Canonical(row), Canonical(shownColumns.Select(column => row[column])));
    }

    /// <summary>Equal JSON, equal text: escapes and blanks are normalised, numbers keep their digits.</summary>
    public static string Canonical(JsonElement value) => Write(writer => value.WriteTo(writer));

    private static string Canonical(IEnumerable<JsonElement> values) => Write(writer =>
    {
        writer.WriteStartArray();
        foreach (var value in values)
        {
            value.WriteTo(writer);
        }

        writer.WriteEndArray();
    });

    private static string Write(Action<Utf8JsonWriter> write)
    {
        using var buffer = new MemoryStream();
        using (var writer = new Utf8JsonWriter(buffer, plain))
        {
            write(writer);
        }

        return System.Text.Encoding.UTF8.GetString(buffer.GetBuffer(), 0, (int)buffer.Length);
    }

    /// <summary>A cut as a number.</summary>
    public static ulong CutOf(JsonElement frame) => Changes.Lsn.Parse(frame.GetProperty("cut").GetString()).Value;

    public static string Text(ulong? cut) => cut is { } value ? new Changes.Lsn(value).ToString() : "none";

    private static IEnumerable<JsonElement> List(JsonElement part, string name)
    {
        if (!part.TryGetProperty(name, out var list))
        {
            return [];
        }

        return list.GetArrayLength() > 0 ? list.EnumerateArray() : throw Violation($"has an empty list '{name}'", part);
    }

    private static bool HasMore(JsonElement frame) => frame.TryGetProperty("more", out var more) && more.GetBoolean();

    private static int IndexOf(SubscriptionAnswer subscription, string name) =>
        Enumerable.Range(0, subscription.Columns.Length).Single(column => subscription.Columns[column].Name == name);

    private static void Require(bool holds, string otherwise, JsonElement frame)
    {
        if (!holds)
        {
            throw Violation(otherwise, frame);
        }
    }

    private static ProtocolViolationException Violation(string what, JsonElement frame)
    {
        var text = frame.ValueKind == JsonValueKind.Undefined ? "" : frame.GetRawText();
        return new ProtocolViolationException($"{what}: {(text.Length > 2000 ? text[..2000] + " …" : text)}");
    }

    private sealed record Row(string Key, string Whole, string Shown);
}
