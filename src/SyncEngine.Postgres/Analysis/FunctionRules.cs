using System.Collections.Frozen;
using System.Text.RegularExpressions;
using SyncEngine.Errors;

namespace SyncEngine.Postgres.Analysis;

/// <summary>A function that a query may call, as pg_proc knows it.</summary>
/// <param name="Volatility">provolatile: i, s, v.</param>
/// <param name="TakesOneArgument">Tells <c>age(timestamp)</c>, which reads the clock, from <c>age(timestamp, timestamp)</c>.</param>
/// <param name="IsOpaque">Stable, written by a user, and may read any table.</param>
/// <param name="NamesClock">Stable, written by a user, and its body names a function of the current time.</param>
readonly record struct FunctionFacts(string Schema, string Name, char Volatility, bool TakesOneArgument, bool IsOpaque, bool NamesClock);

/// <summary>Which functions a live query may call, and what follows from calling them.</summary>
static partial class FunctionRules
{
    private static readonly FrozenSet<string> ClockFunctions = ["now", "transaction_timestamp", "statement_timestamp"];

    private static readonly FrozenSet<string> ClockKeywords = ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

    /// <summary>Refused although not all of them are volatile: their answers depend on the session, the server or the SQL they are given.</summary>
    private static readonly FrozenSet<string> Denied =
    [
        "set_config", "pg_stat_file", "pg_terminate_backend", "pg_cancel_backend", "pg_current_snapshot", "pg_export_snapshot", "pg_notify", "pg_backend_pid",
        "pg_cursor", "pg_listening_channels", "currval", "lastval", "nextval", "setval",
    ];

    private static readonly string[] DeniedPrefixes =
    [
        "pg_sleep", "pg_read_", "pg_ls_", "pg_stat_", "pg_logical_", "pg_prepared_", "lo_", "txid_current", "pg_current_xact_id", "pg_current_wal_",
        "query_to_xml", "table_to_xml", "cursor_to_xml", "schema_to_xml", "database_to_xml",
    ];

    public static bool IsClockKeyword(string name) => ClockKeywords.Contains(name);

    public static bool ReadsClock(FunctionFacts function) =>
        function.NamesClock || (function.Schema == "pg_catalog" && (ClockFunctions.Contains(function.Name) || function is { Name: "age", TakesOneArgument: true }));

    /// <param name="within">The view or policy that calls it; null for the query itself.</param>
    public static SyncException? Refuse(FunctionFacts function, string? within = null)
    {
        var name = function.Schema == "pg_catalog" ? function.Name : function.Schema + "." + function.Name;
        var place = within is null ? "" : " in " + within;
        if (IsDenied(function))
        {
            return new SyncException(ErrorCode.SqlUnsupported, $"function {name}{place} is not allowed in a live query");
        }

        return function.Volatility == 'v'
            ? new SyncException(
                ErrorCode.SqlUnsupported,
                $"function {name}{place} is volatile",
                "A volatile function may give another answer each time, so its result cannot be kept live.",
                function.Schema == "pg_catalog" ? null : "If it only reads, declare it STABLE or IMMUTABLE.")
            : null;
    }

    // dblink and its kin live in whatever schema the extension was installed in.
    private static bool IsDenied(FunctionFacts function) =>
        DblinkName().IsMatch(function.Name)
        || (function.Schema == "pg_catalog"
            && (Denied.Contains(function.Name)
                || function.Name.Contains("advisory", StringComparison.Ordinal)
                || DeniedPrefixes.Any(prefix => function.Name.StartsWith(prefix, StringComparison.Ordinal))));

    [GeneratedRegex("^dblink(_|$)", RegexOptions.ExplicitCapture | RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 1000)]
    private static partial Regex DblinkName();
}
