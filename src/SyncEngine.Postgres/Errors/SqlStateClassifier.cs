using Npgsql;
using SyncEngine.Errors;

namespace SyncEngine.Postgres.Errors;

/// <summary>Converts exceptions of PostgreSQL and its driver into <see cref="SyncException"/>.</summary>
/// <remarks>
/// DETAIL and CONTEXT are left out: they quote rows and function bodies that the caller may not read.
/// Source of the states: https://www.postgresql.org/docs/current/errcodes-appendix.html
/// </remarks>
static class SqlStateClassifier
{
    /// <param name="prefixLength">Characters before the caller's text; the position of the error is counted from that text's start.</param>
    /// <param name="textLength">Length of the caller's text; a position outside it is left out.</param>
    public static SyncException Classify(Exception exception, int prefixLength = 0, int textLength = int.MaxValue) => exception switch
    {
        SyncException already => already,
        PostgresException refused => Refused(refused, prefixLength, textLength),
        _ when DatabaseFailure.IsOfDatabase(exception) =>
            new SyncException(ErrorCode.SourceUnavailable, "the database cannot be reached"),
        _ => new SyncException(ErrorCode.Internal, "an unexpected error occurred while asking the database"),
    };

    public static ErrorCode CodeOf(string sqlState) => sqlState switch
    {
        "42P01" or "3F000" or "42809" => ErrorCode.UnknownRelation,
        "42703" => ErrorCode.UnknownColumn,
        "42883" or "42725" => ErrorCode.UnknownFunction,
        "42804" or "42846" or "42P18" or "42P08" or "42P02" or "42P21" or "42P22" or "08P01"
            or "22P02" or "22P03" or "22003" or "22007" or "22008" or "22021" => ErrorCode.TypeMismatch,
        "42501" => ErrorCode.PermissionDenied,
        "0A000" or "25006" => ErrorCode.SqlUnsupported,
        "57014" or "55P03" => ErrorCode.QueryTimeout,
        "53400" => ErrorCode.ResultTooLarge,
        "42P17" => ErrorCode.QueryFailed,
        _ => sqlState[..2] switch
        {
            "42" => ErrorCode.SqlSyntaxError,
            "08" or "28" or "3D" or "40" or "53" or "57" => ErrorCode.SourceUnavailable,
            "54" => ErrorCode.SqlUnsupported,
            _ => ErrorCode.QueryFailed,
        },
    };

    private static SyncException Refused(PostgresException refused, int prefixLength, int textLength)
    {
        var code = CodeOf(refused.SqlState);
        var position = refused.Position - prefixLength;
        return new SyncException(code, MessageOf(refused, code), hint: HintOf(refused, code))
        {
            SqlState = refused.SqlState,
            Position = refused.Position > 0 && position >= 1 && position <= textLength ? position : null,
        };
    }

    // Messages of server and system errors name files, processes and hosts.
    private static string MessageOf(PostgresException refused, ErrorCode code) =>
        code == ErrorCode.SourceUnavailable ? "the database does not take queries at present"
        : refused.SqlState[..2] is "XX" or "58" or "F0" ? "the query failed inside PostgreSQL"
        : refused.MessageText;

    private static string? HintOf(PostgresException refused, ErrorCode code) =>
        code == ErrorCode.SourceUnavailable || string.IsNullOrEmpty(refused.Hint) ? null : refused.Hint;
}
