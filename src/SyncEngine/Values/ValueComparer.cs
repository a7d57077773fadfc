using SyncEngine.Values.Comparers;

namespace SyncEngine.Values;

/// <summary>
/// PostgreSQL's <c>=</c> and order for one family of types, over the types' own text. Nothing is converted or allocated.
/// </summary>
/// <remarks>
/// Only types whose equality and order are shown to be PostgreSQL's have one. Text is canonical: as the type's output function prints it,
/// with TimeZone=UTC and DateStyle=ISO; never NULL. Integers of every width share one comparer, and numeric's takes integers too.
/// </remarks>
public abstract class ValueComparer
{
    /// <summary>
    /// The type is collated: the equality is PostgreSQL's under deterministic collations only, the order under C and POSIX only.
    /// The catalog records for each column which of the two apply.
    /// </summary>
    public virtual bool IsCollated => false;

    /// <summary>The comparer for a type, or for the type below a domain; null when only PostgreSQL can compare.</summary>
    public static ValueComparer? For(SqlType type) => type.Underlying.Oid switch
    {
        TypeOid.Int2 or TypeOid.Int4 or TypeOid.Int8 => IntegerComparer.Instance,
        TypeOid.Numeric => NumericComparer.Instance,
        TypeOid.Bool or TypeOid.Uuid => BytesComparer.Uncollated,
        TypeOid.Text or TypeOid.VarChar => BytesComparer.Collated,
        TypeOid.Date => DateComparer.Instance,
        TypeOid.Timestamp or TypeOid.TimestampTz => TimestampComparer.Instance,
        _ => null,
    };

    /// <summary>Below zero, zero or above zero, as <c>left</c> sorts before, with or after <c>right</c>.</summary>
    public abstract int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right);

    /// <summary>Evaluates <c>left = right</c>.</summary>
    public bool AreEqual(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) => EqualityKey(left).SequenceEqual(EqualityKey(right));

    /// <summary>The part of the text that equal values share: the keys' bytes are equal exactly when the values are.</summary>
    public virtual ReadOnlySpan<byte> EqualityKey(ReadOnlySpan<byte> text) => text;
}
