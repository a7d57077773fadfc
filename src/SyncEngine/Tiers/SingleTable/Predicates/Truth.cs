namespace SyncEngine.Tiers.SingleTable.Predicates;

/// <summary>SQL's three truth values, and one more for what the row at hand does not say.</summary>
public enum Truth : byte
{
    False,

    /// <summary>SQL's unknown: NULL took part. WHERE leaves the row out.</summary>
    Unknown,

    True,

    /// <summary>
    /// A column that decides is not in the change (an unchanged out-of-line value). It is never taken for an answer:
    /// only False under AND and True under OR outweigh it.
    /// </summary>
    Undecidable,
}

/// <summary>The connectives of <see cref="Truth"/>.</summary>
public static class TruthLogic
{
    public static Truth Of(bool value) => value ? Truth.True : Truth.False;

    public static Truth Not(Truth value) => value switch
    {
        Truth.False => Truth.True,
        Truth.True => Truth.False,
        _ => value,
    };

    public static Truth And(Truth left, Truth right) => Strongest(left, right, Truth.False);

    public static Truth Or(Truth left, Truth right) => Strongest(left, right, Truth.True);

    private static Truth Strongest(Truth left, Truth right, Truth decisive)
    {
        if (left == decisive || right == decisive)
        {
            return decisive;
        }

        if (left == Truth.Undecidable || right == Truth.Undecidable)
        {
            return Truth.Undecidable;
        }

        return left == Truth.Unknown ? left : right;
    }
}
