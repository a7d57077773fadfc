using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using SyncEngine.Changes;
using SyncEngine.Tiers.SingleTable.Predicates;
using SyncEngine.Values;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>
/// All live results that differ in their operands only. A change costs one lookup by the indexed column's new value and one by the row's old
/// key, however many results there are; results without an equality are tried one by one.
/// </summary>
/// <remarks>
/// The old image of a row is not needed: which results hold a row is remembered by its key (<see cref="holders"/>), as replica identity
/// DEFAULT sends no more than that. Memory: one entry per row that is in a live result, one per operand.
/// </remarks>
sealed class Template(SingleTablePlan plan)
{
    private readonly Dictionary<byte[], ResultSet> index = new(ByteKeyComparer.Instance);
    private readonly Dictionary<RowKey, ResultSet> holders = new(RowKeyComparer.Instance);
    private readonly List<SingleTableResult> scanned = [];
    private readonly HashSet<SingleTableResult> results = [];
    private readonly HashSet<SingleTableResult> reading = [];

    // Rows that came into a result earlier in the transaction being processed; no holder yet.
    private readonly Dictionary<RowKey, ResultSet> entered = new(RowKeyComparer.Instance);
    private readonly ColumnCodec[] codecs = [.. plan.Columns.Select(column => ColumnCodec.For(column.Type))];
    private readonly Utf8Buffer scratch = new();
    private readonly ColumnSlice[] located = new ColumnSlice[plan.Columns.Length];
    private int[]? ordinals;

    public SingleTablePlan Plan { get; } = plan;

    public IReadOnlyCollection<SingleTableResult> Results => results;

    /// <summary>Indexed values, row keys and results that are tried one by one.</summary>
    public long IndexEntries => index.Count + holders.Count + entered.Count + scanned.Count;

    /// <summary>Results that every change of the table has to try.</summary>
    public int ScannedCount => scanned.Count;

    public void Add(SingleTableResult result)
    {
        results.Add(result);
        if (Plan.Equality is not { } equality)
        {
            scanned.Add(result);
            return;
        }

        foreach (var key in IndexKeys(equality, result.Operands))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(index, key, out _).Add(result);
        }
    }

    public void Remove(SingleTableResult result)
    {
        results.Remove(result);
        reading.Remove(result);
        foreach (var key in result.Rows?.Keys ?? [])
        {
            RemoveHolder(key, result);
        }

        if (Plan.Equality is not { } equality)
        {
            scanned.Remove(result);
            return;
        }

        foreach (var key in IndexKeys(equality, result.Operands))
        {
            ref var set = ref CollectionsMarshal.GetValueRefOrNullRef(index, key);
            set.Remove(result);
            if (set.Count == 0)
            {
                index.Remove(key);
            }
        }
    }

    /// <summary>While a result is being read, every key that changes is noted for it: its rows are not known yet.</summary>
    public void BeginRead(SingleTableResult result) => reading.Add(result);

    public void EndRead(SingleTableResult result) => reading.Remove(result);

    public void AddHolder(RowKey key, SingleTableResult result) =>
        CollectionsMarshal.GetValueRefOrAddDefault(holders, key, out _).Add(result);

    public void RemoveHolder(RowKey key, SingleTableResult result)
    {
        ref var set = ref CollectionsMarshal.GetValueRefOrNullRef(holders, key);
        if (Unsafe.IsNullRef(ref set))
        {
            return;
        }

        set.Remove(result);
        if (set.Count == 0)
        {
            holders.Remove(key);
        }
    }

    /// <summary>Finds the plan's columns in the relation as the stream describes it now. False when one is missing or another type: the schema has moved on.</summary>
    public bool Bind(Relation relation)
    {
        var found = new int[Plan.Columns.Length];
        for (var i = 0; i < found.Length; i++)
        {
            var wanted = Plan.Columns[i];
            found[i] = -1;
            for (var ordinal = 0; ordinal < relation.Columns.Length; ordinal++)
            {
                var column = relation.Columns[ordinal];
                if (column.Name == wanted.Name && column.TypeOid == wanted.Type.Oid && column.TypeModifier == wanted.TypeModifier)
                {
                    found[i] = ordinal;
                }
            }

            if (found[i] < 0)
            {
                ordinals = null;
                return false;
            }
        }

        // The key must be what the relation's replica identity sends with a DELETE.
        ordinals = Plan.Key.All(key => relation.Identity == ReplicaIdentity.Full || relation.Columns[found[key]].IsKey) ? found : null;
        return ordinals is not null;
    }

    /// <summary>Adds one row change to what the transaction does to each result.</summary>
    public void Process(in RowImages images, TransactionStep step)
    {
        if (ordinals is not { } bound)
        {
            MarkAllUndecidable(step);
            return;
        }

        if (!TryKey(images.HasOld ? images.OldView : images.NewView, bound))
        {
            MarkAllUndecidable(step);
            return;
        }

        Leave(step);
        if (images.HasNew)
        {
            Enter(images.NewView, bound, step);
        }
    }

    /// <summary>The stream does not say what a change does to any of the results.</summary>
    public void MarkAllUndecidable(TransactionStep step)
    {
        foreach (var result in results)
        {
            step.Touch(result).IsUndecidable = true;
        }
    }

    public void Truncate(TransactionStep step)
    {
        entered.Clear();
        foreach (var result in results)
        {
            if (result.Rows is { Count: > 0 } || result.Pending is not null || result.IsReading)
            {
                step.Touch(result).Truncate();
            }
        }
    }

    /// <summary>The transaction is done.</summary>
    public void EndTransaction()
    {
        if (entered.Count > 1024)
        {
            entered.Clear();
            entered.TrimExcess();
        }
        else
        {
            entered.Clear();
        }
    }

    /// <summary>The row of the key in <see cref="scratch"/> leaves every result that holds it (and comes back below if it still belongs).</summary>
    private void Leave(TransactionStep step)
    {
        var isHeld = holders.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(scratch.Written, out var key, out var holding);
        var isEntered = entered.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(scratch.Written, out var enteredKey, out var entering);
        if (!isHeld && !isEntered && reading.Count == 0)
        {
            return;
        }

        key = isHeld ? key : isEntered ? enteredKey : new RowKey(scratch.Written.ToArray());
        for (var i = 0; i < holding.Count; i++)
        {
            step.Touch(holding[i]).Set(key, null);
        }

        for (var i = 0; i < entering.Count; i++)
        {
            step.Touch(entering[i]).Set(key, null);
        }

        foreach (var result in reading)
        {
            step.Touch(result).Set(key, null);
        }

        if (isEntered)
        {
            entered.Remove(key);
        }
    }

    private void Enter(RowView tuple, int[] bound, TransactionStep step)
    {
        for (var i = 0; i < located.Length; i++)
        {
            located[i] = tuple.Slice(bound[i]);
        }

        var row = tuple.Select(located);
        if (Plan.Equality is { } equality)
        {
            switch (row.Kind(equality.Column))
            {
                case ColumnKind.Null:
                    return;
                case ColumnKind.Unchanged:
                    MarkAllUndecidable(step);
                    return;
                default:
                    var value = equality.Comparer.EqualityKey(row.Text(equality.Column));
                    if (index.GetAlternateLookup<ReadOnlySpan<byte>>().TryGetValue(value, out var set))
                    {
                        EncodedRow? encoded = null;
                        for (var i = 0; i < set.Count; i++)
                        {
                            Try(set[i], row, ref encoded, step);
                        }
                    }

                    return;
            }
        }

        EncodedRow? shared = null;
        foreach (var result in scanned)
        {
            Try(result, row, ref shared, step);
        }
    }

    private void Try(SingleTableResult result, in RowView row, ref EncodedRow? encoded, TransactionStep step)
    {
        switch (Plan.Predicate.Evaluate(row, result.Operands))
        {
            case Truth.True:
                encoded ??= Encode(row);
                if (encoded.Value.Json is null)
                {
                    step.Touch(result).IsUndecidable = true;
                }
                else
                {
                    step.Touch(result).Set(encoded.Value.Key, encoded.Value.Json);
                    step.CleanAfter(this);
                    CollectionsMarshal.GetValueRefOrAddDefault(entered, encoded.Value.Key, out _).Add(result);
                }

                break;
            case Truth.Undecidable:
                step.Touch(result).IsUndecidable = true;
                break;
        }
    }

    /// <summary>The row as clients get it; without JSON when an output value is not in the message.</summary>
    private EncodedRow Encode(in RowView row)
    {
        foreach (var column in Plan.Output)
        {
            if (row.Kind(column) == ColumnKind.Unchanged)
            {
                return default;
            }
        }

        var key = Write(row, Plan.Key);
        return new EncodedRow(new RowKey(key), Write(row, Plan.Output));
    }

    private byte[] Write(in RowView row, ImmutableArray<int> columns)
    {
        scratch.Clear();
        scratch.Append((byte)'[');
        for (var i = 0; i < columns.Length; i++)
        {
            if (i > 0)
            {
                scratch.Append((byte)',');
            }

            if (row.Kind(columns[i]) == ColumnKind.Null)
            {
                scratch.Append("null"u8);
            }
            else
            {
                codecs[columns[i]].Write(row.Text(columns[i]), scratch);
            }
        }

        scratch.Append((byte)']');
        return scratch.Written.ToArray();
    }

    /// <summary>Writes the row's key to <see cref="scratch"/>; false when a key value is not in the message.</summary>
    private bool TryKey(in RowView tuple, int[] bound)
    {
        scratch.Clear();
        scratch.Append((byte)'[');
        for (var i = 0; i < Plan.Key.Length; i++)
        {
            var ordinal = bound[Plan.Key[i]];
            if (tuple.Kind(ordinal) != ColumnKind.Text)
            {
                return false;
            }

            if (i > 0)
            {
                scratch.Append((byte)',');
            }

            codecs[Plan.Key[i]].Write(tuple.Text(ordinal), scratch);
        }

        scratch.Append((byte)']');
        return true;
    }

    private static IEnumerable<byte[]> IndexKeys(IndexedEquality equality, byte[]?[] operands) =>
        equality.Operands
            .Select(index => operands[index])
            .OfType<byte[]>()
            .Select(operand => equality.Comparer.EqualityKey(operand).ToArray())
            .Distinct(ByteKeyComparer.Instance);
}
