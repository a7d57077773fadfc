using System.Collections.Frozen;

namespace SyncEngine.Sql;

/// <summary>The keywords of PostgreSQL's grammar, and the places in which each may be a name.</summary>
/// <remarks>
/// Source: src/include/parser/kwlist.h through <c>pg_get_keywords()</c>, of PostgreSQL 15 with the additions up to 18. A word that only a
/// later version reserves is listed: treating it as a keyword on an earlier one costs speed, never exactness.
/// </remarks>
static class Keywords
{
    private static readonly FrozenSet<string> reserved = Words("""
        all analyse analyze and any array as asc asymmetric both case cast check collate column constraint create current_catalog
        current_date current_role current_time current_timestamp current_user default deferrable desc distinct do else end except
        false fetch for foreign from grant group having in initially intersect into lateral leading limit localtime localtimestamp
        not null offset on only or order placing primary references returning select session_user some symmetric system_user table
        then to trailing true union unique user using variadic when where window with
        """);

    private static readonly FrozenSet<string> typeOrFunctionNames = Words("""
        authorization binary collation concurrently cross current_schema freeze full ilike inner is isnull join left like natural
        notnull outer overlaps right similar tablesample verbose
        """);

    private static readonly FrozenSet<string> notBareLabels = Words("""
        array as char character create day except fetch filter for from grant group having hour intersect into isnull limit minute
        month notnull offset on order over overlaps precision returning second to union varying where window with within without year
        """);

    private static readonly FrozenSet<string> clockOrSession = Words("""
        current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime localtimestamp
        session_user system_user user
        """);

    /// <summary>Cannot be a name without quotes, except a label after AS or a name after a dot.</summary>
    public static bool IsReserved(string word) => reserved.Contains(word);

    /// <summary>May name a column or a table without quotes (ColId in the grammar).</summary>
    public static bool MayNameColumn(string word) => !reserved.Contains(word) && !typeOrFunctionNames.Contains(word);

    /// <summary>May label a result column without AS (BareColLabel in the grammar).</summary>
    public static bool MayBeBareLabel(string word) => !notBareLabels.Contains(word);

    /// <summary>A function called without parentheses, whose value depends on the clock or the session.</summary>
    public static bool ReadsClockOrSession(string word) => clockOrSession.Contains(word);

    private static FrozenSet<string> Words(string text) =>
        text.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .ToFrozenSet(StringComparer.Ordinal);
}
