using System.Collections.Frozen;
using SyncEngine.Errors;

namespace SyncEngine.Postgres.Analysis;

/// <summary>A function that a query may call, as pg_proc describes it.</summary>
/// <param name="Volatility">provolatile: i, s, v.</param>
/// <param name="TakesOneArgument">
/// Distinguishes <c>age(timestamp)</c>, which reads the clock, from <c>age(timestamp, timestamp)</c>.
/// </param>
/// <param name="IsOpaque">Stable, user-defined, and may read any table.</param>
/// <param name="NamesClock">Stable, user-defined, and its body names a function of the current time.</param>
readonly record struct FunctionFacts(string Schema, string Name, char Volatility, bool TakesOneArgument, bool IsOpaque, bool NamesClock);

/// <summary>The functions that a live query may call, and the consequences of calling them.</summary>
static class FunctionRules
{
    private static readonly FrozenSet<string> clockFunctions = ["now", "transaction_timestamp", "statement_timestamp"];

    private static readonly FrozenSet<string> clockKeywords =
        ["current_date", "current_time", "current_timestamp", "localtime", "localtimestamp"];

    /// <summary>
    /// Refused although not all of them are volatile: their answers depend on the session, the server or the SQL they are given.
    /// </summary>
    private static readonly FrozenSet<string> denied =
    [
        "set_config", "pg_stat_file", "pg_terminate_backend", "pg_cancel_backend", "pg_current_snapshot", "pg_export_snapshot", "pg_notify",
        "pg_backend_pid", "pg_cursor", "pg_listening_channels", "currval", "lastval", "nextval", "setval",
    ];

    private static readonly string[] deniedPrefixes =
    [
        "pg_sleep", "pg_read_", "pg_ls_", "pg_stat_", "pg_logical_", "pg_prepared_", "lo_", "txid_current", "pg_current_xact_id",
        "pg_current_wal_", "query_to_xml", "table_to_xml", "cursor_to_xml", "schema_to_xml", "database_to_xml",
    ];

    public static bool IsClockKeyword(string name) => clockKeywords.Contains(name);

    public static bool ReadsClock(FunctionFacts function) =>
        function.NamesClock
        || (function.Schema == "pg_catalog"
            && (clockFunctions.Contains(function.Name) || function is { Name: "age", TakesOneArgument: true }));

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

    // dblink's functions are in the schema that the extension was installed in, which may be any.
    private static bool IsDenied(FunctionFacts function) =>
        function.Name == "dblink"
        || function.Name.StartsWith("dblink_", StringComparison.Ordinal)
        || (function.Schema == "pg_catalog"
            && (denied.Contains(function.Name)
                || function.Name.Contains("advisory", StringComparison.Ordinal)
                || deniedPrefixes.Any(prefix => function.Name.StartsWith(prefix, StringComparison.Ordinal))));
}
