using System.Text;
using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Channels;

/// <summary>The meaning of errors on <c>sync.channel_messages</c>, for storing and for reading.</summary>
static class ChannelFailures
{
    private const string Setup = "run the command \"setup\" (sql/outbox/channel_messages.sql)";

    /// <remarks>A text that is not valid Unicode fails before it is sent.</remarks>
    public static bool IsOfDatabase(Exception exception) =>
        DatabaseFailure.IsOfDatabase(exception) || exception is EncoderFallbackException or OperationCanceledException;

    public static StoreFailure OfStoring(Exception exception) => exception switch
    {
        PostgresException refused => new StoreFailure(KindOf(refused.SqlState), refused.SqlState, ReasonOf(refused)),
        EncoderFallbackException => new StoreFailure(StoreFailureKind.Unfit, "22021", "a text is not valid Unicode"),
        TimeoutException or { InnerException: TimeoutException } =>
            new StoreFailure(StoreFailureKind.Unavailable, "timeout", "the database did not answer in time"),
        _ => new StoreFailure(StoreFailureKind.Unavailable, "unreachable", "the database cannot be reached"),
    };

    /// <param name="role">The role that lacked a privilege; null for the engine's own.</param>
    public static SyncException OfReading(Exception exception, string? role) => exception switch
    {
        SyncException already => already,
        PostgresException
        {
            SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName
            or PostgresErrorCodes.UndefinedColumn
        } missing =>
            new SyncException(
                ErrorCode.UnknownRelation,
                "channels are not set up in this database",
                hint: "Run the command \"setup\" with the outbox configured (sql/outbox/channel_messages.sql).")
            {
                SqlState = missing.SqlState,
            },
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } denied =>
            new SyncException(
                ErrorCode.PermissionDenied,
                denied.MessageText,
                hint: $"Run GRANT USAGE ON SCHEMA sync TO {Grantee(role)}; GRANT SELECT ON sync.channel_messages TO {Grantee(role)};")
            {
                SqlState = denied.SqlState,
            },
        // A cancellation that no caller asked for: the connection broke while an answer was awaited.
        OperationCanceledException => new SyncException(ErrorCode.SourceUnavailable, "the database cannot be reached"),
        _ => SqlStateClassifier.Classify(exception),
    };

    private static string Grantee(string? role) => role is null ? "the engine's own role" : Quoting.Identifier(role);

    private static StoreFailureKind KindOf(string sqlState) => sqlState switch
    {
        // Read-only: a standby that is about to become the primary, or the other way round.
        "25006" => StoreFailureKind.Unavailable,
        _ => sqlState[..2] switch
        {
            "22" or "23" or "54" => StoreFailureKind.Unfit,
            "42" or "3F" or "28" or "3D" => StoreFailureKind.NotReady,
            _ => StoreFailureKind.Unavailable,
        },
    };

    // The texts of classes 22 and 23 quote values.
    private static string ReasonOf(PostgresException refused) => refused.SqlState switch
    {
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.UndefinedColumn
            or PostgresErrorCodes.InvalidColumnReference =>
            $"table sync.channel_messages is missing or another one; {Setup}",
        PostgresErrorCodes.InsufficientPrivilege =>
            "the engine's role may not write channels; run GRANT USAGE ON SCHEMA sync TO it, and GRANT SELECT, INSERT, "
                + "DELETE ON sync.channel_messages TO it",
        _ => KindOf(refused.SqlState) == StoreFailureKind.Unfit ? UnfitBecause(refused.SqlState) : refused.MessageText,
    };

    private static string UnfitBecause(string sqlState) => sqlState switch
    {
        PostgresErrorCodes.UntranslatableCharacter or PostgresErrorCodes.CharacterNotInRepertoire =>
            "a text holds a character that PostgreSQL's text and jsonb cannot, such as \\u0000",
        PostgresErrorCodes.InvalidTextRepresentation => "data or headers are not valid JSON",
        _ when sqlState.StartsWith("54", StringComparison.Ordinal) =>
            "the message is beyond what PostgreSQL can hold: a channel's name has about 2,600 bytes at most, "
                + "and JSON a bounded depth and size",
        _ when sqlState.StartsWith("23", StringComparison.Ordinal) => "a constraint on sync.channel_messages refuses the message",
        _ => "PostgreSQL's types cannot hold the message",
    };
}
