using SyncEngine.Errors;

namespace SyncEngine.LiveQueries;

/// <summary>The consequence of a failed read for its live query.</summary>
enum ReadFailure
{
    /// <summary>PostgreSQL could not be asked: try again after a moment.</summary>
    Unavailable,

    /// <summary>The rules or the schema have changed: plan again.</summary>
    Refused,

    /// <summary>No read will ever succeed: the subscriptions end.</summary>
    Impossible,

    /// <summary>The query fails with the data of now: it is stale until a read succeeds.</summary>
    Failing,
}

/// <summary>Classifies the errors of reads.</summary>
static class ReadFailures
{
    public static ReadFailure Classify(SyncException error)
    {
        var code = error.Code;
        return code == ErrorCode.SourceUnavailable || code == ErrorCode.ShuttingDown ? ReadFailure.Unavailable
            : code == ErrorCode.PermissionDenied || code == ErrorCode.UnknownRelation || code == ErrorCode.UnknownColumn
                || code == ErrorCode.UnknownFunction ? ReadFailure.Refused
            : code == ErrorCode.ResultTooLarge || code == ErrorCode.TypeMismatch || code == ErrorCode.SqlUnsupported
                ? ReadFailure.Impossible
            : ReadFailure.Failing;
    }
}
