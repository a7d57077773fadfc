using SyncEngine.Changes;

namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>One row image whose columns have been located, addressed by ordinal. Valid as long as the message's bytes are.</summary>
public readonly ref struct RowView(TupleData tuple, ReadOnlySpan<ColumnSlice> columns)
{
    private readonly TupleData tuple = tuple;
    private readonly ReadOnlySpan<ColumnSlice> columns = columns;

    public ColumnKind Kind(int column) => columns[column].Kind;

    /// <summary>The column's text; empty unless its kind is <see cref="ColumnKind.Text"/>.</summary>
    public ReadOnlySpan<byte> Text(int column) => tuple.Text(columns[column]);

    public ColumnSlice Slice(int column) => columns[column];

    /// <summary>The same row with other ordinals: the columns given, in that order.</summary>
    public RowView Select(ReadOnlySpan<ColumnSlice> selected) => new(tuple, selected);
}
