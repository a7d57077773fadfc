using System.Buffers.Binary;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Tiers.SingleTable.Predicates;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>The old and the new image of one row change, their columns located.</summary>
readonly ref struct RowImages(RowView oldView, bool hasOld, RowView newView, bool hasNew)
{
    /// <summary>An old image was sent: it has the row's earlier key.</summary>
    public bool HasOld { get; } = hasOld;

    public RowView OldView { get; } = oldView;

    public bool HasNew { get; } = hasNew;

    public RowView NewView { get; } = newView;
}

/// <summary>One table: the templates that its changes are tried against.</summary>
sealed class TableMatcher
{
    private readonly Dictionary<string, Template> templates = [];
    private ColumnSlice[] oldSlices = [];
    private ColumnSlice[] newSlices = [];
    private byte[] merged = [];

    public IReadOnlyCollection<Template> Templates => templates.Values;

    public bool IsEmpty => templates.Count == 0;

    /// <summary>Results that every change of the table is tried against.</summary>
    public int ScannedCount => templates.Values.Sum(template => template.ScannedCount);

    public Template TemplateFor(SingleTablePlan plan, RelationMap relations)
    {
        if (!templates.TryGetValue(plan.TemplateKey, out var template))
        {
            template = new Template(plan);
            templates.Add(plan.TemplateKey, template);
            if (relations.TryGet(plan.RelationOid, out var relation))
            {
                template.Bind(relation);
            }
        }

        return template;
    }

    public void RemoveIfUnused(Template template)
    {
        if (template.Results.Count == 0)
        {
            templates.Remove(template.Plan.TemplateKey);
        }
    }

    /// <summary>The relation as the stream now describes it. Returns the templates that no longer fit it.</summary>
    public IReadOnlyList<Template> Bind(Relation described) => [.. templates.Values.Where(template => !template.Bind(described))];

    public void Process(scoped in ChangeReader change, TransactionStep step)
    {
        var hasOld = change.OldKind != OldTupleKind.None;
        var hasNew = change.Kind != ChangeKind.Delete;
        RowView oldView = default, newView = default;
        if (hasOld)
        {
            oldView = Locate(change.Old, ref oldSlices);
        }

        if (hasNew)
        {
            newView = Locate(change.New, ref newSlices);
            if (change.OldKind == OldTupleKind.Full && HasUnchanged(newSlices.AsSpan(0, change.New.ColumnCount)))
            {
                newView = Merge(oldView, newView, change.New.ColumnCount);
            }
        }

        var images = new RowImages(oldView, hasOld, newView, hasNew);
        foreach (var template in templates.Values)
        {
            template.Process(images, step);
        }
    }

    public void Truncate(TransactionStep step)
    {
        foreach (var template in templates.Values)
        {
            template.Truncate(step);
        }
    }

    private static RowView Locate(TupleData tuple, ref ColumnSlice[] slices)
    {
        if (slices.Length < tuple.ColumnCount)
        {
            slices = new ColumnSlice[tuple.ColumnCount];
        }

        var count = tuple.Locate(slices);
        return new RowView(tuple, slices.AsSpan(0, count));
    }

    private static bool HasUnchanged(ReadOnlySpan<ColumnSlice> slices)
    {
        foreach (var slice in slices)
        {
            if (slice.Kind == ColumnKind.Unchanged)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The new image with the out-of-line values that the UPDATE did not touch filled in from the whole old one (REPLICA IDENTITY FULL).
    /// https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html (TupleData, 'u')
    /// </summary>
    private RowView Merge(RowView oldView, RowView newView, int columnCount)
    {
        var length = 2;
        for (var i = 0; i < columnCount; i++)
        {
            length += 5 + (newView.Kind(i) == ColumnKind.Unchanged ? oldView : newView).Text(i).Length;
        }

        if (merged.Length < length)
        {
            merged = new byte[length];
        }

        BinaryPrimitives.WriteInt16BigEndian(merged, (short)columnCount);
        var offset = 2;
        for (var i = 0; i < columnCount; i++)
        {
            var source = newView.Kind(i) == ColumnKind.Unchanged ? oldView : newView;
            merged[offset++] = (byte)source.Kind(i);
            if (source.Kind(i) == ColumnKind.Text)
            {
                var text = source.Text(i);
                BinaryPrimitives.WriteInt32BigEndian(merged.AsSpan(offset), text.Length);
                text.CopyTo(merged.AsSpan(offset + 4));
                offset += 4 + text.Length;
            }
        }

        return Locate(new TupleData(merged.AsSpan(0, offset)), ref newSlices);
    }
}
