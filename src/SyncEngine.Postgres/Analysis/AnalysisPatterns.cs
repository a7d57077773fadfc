using System.Text.RegularExpressions;

namespace SyncEngine.Postgres.Analysis;

static partial class AnalysisPatterns
{
    private const int TimeoutMilliseconds = 1000;
    private const RegexOptions Options = RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant;

    /// <summary>Words by which a NOT NULL column can become NULL. One inside a string or a name only makes a column nullable.</summary>
    [GeneratedRegex(@"\b(left|right|full|rollup|cube|grouping)\b", Options | RegexOptions.IgnoreCase, TimeoutMilliseconds)]
    public static partial Regex NullExtending();

    /// <summary>
    /// The number of the parameter whose input was refused, in the CONTEXT of the error; it is the same in every language.
    /// </summary>
    [GeneratedRegex(@"\$(?<number>\d+)", Options, TimeoutMilliseconds)]
    public static partial Regex ParameterInContext();
}
