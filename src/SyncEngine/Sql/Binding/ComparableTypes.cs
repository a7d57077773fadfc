using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>The types that the engine compares exactly as PostgreSQL does.</summary>
static class ComparableTypes
{
    public static bool IsComparable(uint oid) => IsInteger(oid) || IsText(oid)
        || oid is TypeOid.Uuid or TypeOid.Bool or TypeOid.Numeric or TypeOid.Date or TypeOid.Timestamp or TypeOid.TimestampTz;

    public static bool IsInteger(uint oid) => oid is TypeOid.Int2 or TypeOid.Int4 or TypeOid.Int8;

    public static bool IsText(uint oid) => oid is TypeOid.Text or TypeOid.VarChar;

    /// <summary>All values of the two types compare by one rule: equal types, integers of two widths, text and varchar.</summary>
    public static bool CompareAlike(uint left, uint right) =>
        left == right || (IsInteger(left) && IsInteger(right)) || (IsText(left) && IsText(right));

    public static (long Min, long Max) RangeOf(uint integer) => integer switch
    {
        TypeOid.Int2 => (short.MinValue, short.MaxValue),
        TypeOid.Int4 => (int.MinValue, int.MaxValue),
        TypeOid.Int8 => (long.MinValue, long.MaxValue),
        _ => throw new ArgumentOutOfRangeException(nameof(integer), integer, "not an integer type"),
    };
}
