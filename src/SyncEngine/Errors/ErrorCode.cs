namespace SyncEngine.Errors;

/// <summary>What a caller should do about an error; every <see cref="ErrorCode"/> belongs to one class.</summary>
public enum ErrorClass
{
    MendRequest,
    SignIn,
    Refetch,
    BackOff,
    TellUs,
}

/// <summary>A stable, lower-snake-case name of what went wrong, with its class and HTTP status.</summary>
/// <remarks>Source: the table of codes in docs/ERRORS.md, which a test compares with <see cref="All"/>.</remarks>
public sealed record ErrorCode(string Name, ErrorClass Class, int HttpStatus)
{
    public static readonly ErrorCode InvalidRequest = new("invalid_request", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode SqlSyntaxError = new("sql_syntax_error", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode SqlUnsupported = new("sql_unsupported", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode UnknownRelation = new("unknown_relation", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode UnknownColumn = new("unknown_column", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode UnknownFunction = new("unknown_function", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode TypeMismatch = new("type_mismatch", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode NotPublished = new("not_published", ErrorClass.MendRequest, 400);
    public static readonly ErrorCode QueryFailed = new("query_failed", ErrorClass.MendRequest, 400);

    public static readonly ErrorCode Unauthenticated = new("unauthenticated", ErrorClass.SignIn, 401);
    public static readonly ErrorCode TokenExpired = new("token_expired", ErrorClass.SignIn, 401);
    public static readonly ErrorCode PermissionDenied = new("permission_denied", ErrorClass.SignIn, 403);
    public static readonly ErrorCode AdhocDisabled = new("adhoc_disabled", ErrorClass.SignIn, 403);

    public static readonly ErrorCode UnknownSubscription = new("unknown_subscription", ErrorClass.Refetch, 404);
    public static readonly ErrorCode MustRefetch = new("must_refetch", ErrorClass.Refetch, 409);
    public static readonly ErrorCode SchemaChanged = new("schema_changed", ErrorClass.Refetch, 410);
    public static readonly ErrorCode SlowConsumer = new("slow_consumer", ErrorClass.Refetch, 409);
    public static readonly ErrorCode PermissionsChanged = new("permissions_changed", ErrorClass.Refetch, 410);

    public static readonly ErrorCode RateLimited = new("rate_limited", ErrorClass.BackOff, 429);
    public static readonly ErrorCode TooManySubscriptions = new("too_many_subscriptions", ErrorClass.BackOff, 429);
    public static readonly ErrorCode ResultTooLarge = new("result_too_large", ErrorClass.BackOff, 503);
    public static readonly ErrorCode QueryTimeout = new("query_timeout", ErrorClass.BackOff, 503);
    public static readonly ErrorCode SourceUnavailable = new("source_unavailable", ErrorClass.BackOff, 503);
    public static readonly ErrorCode ShuttingDown = new("shutting_down", ErrorClass.BackOff, 503);

    public static readonly ErrorCode Internal = new("internal", ErrorClass.TellUs, 500);

    /// <summary>Every code there is.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } =
    [
        InvalidRequest, SqlSyntaxError, SqlUnsupported, UnknownRelation, UnknownColumn, UnknownFunction, TypeMismatch, NotPublished, QueryFailed,
        Unauthenticated, TokenExpired, PermissionDenied, AdhocDisabled,
        UnknownSubscription, MustRefetch, SchemaChanged, SlowConsumer, PermissionsChanged,
        RateLimited, TooManySubscriptions, ResultTooLarge, QueryTimeout, SourceUnavailable, ShuttingDown,
        Internal,
    ];

    public override string ToString() => Name;
}
