namespace SyncEngine.Errors;

/// <summary>The reaction that an error asks of the caller; every <see cref="ErrorCode"/> belongs to one class.</summary>
public enum ErrorClass
{
    /// <summary>The request is wrong and fails again until it is changed.</summary>
    FixRequest,

    /// <summary>The caller needs a token, another token or another role.</summary>
    SignIn,

    /// <summary>The caller's state cannot be continued; it must be requested again.</summary>
    Refetch,

    /// <summary>The request may succeed later.</summary>
    BackOff,

    /// <summary>A fault of the engine.</summary>
    Report,
}

/// <summary>A stable error name in lower snake case, with its class and HTTP status.</summary>
/// <remarks>Source: the table of codes in docs/ERRORS.md, which a test compares with <see cref="All"/>.</remarks>
public sealed record ErrorCode(string Name, ErrorClass Class, int HttpStatus)
{
    public static readonly ErrorCode InvalidRequest = new("invalid_request", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode SqlSyntaxError = new("sql_syntax_error", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode SqlUnsupported = new("sql_unsupported", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode UnknownRelation = new("unknown_relation", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode UnknownColumn = new("unknown_column", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode UnknownFunction = new("unknown_function", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode TypeMismatch = new("type_mismatch", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode NotPublished = new("not_published", ErrorClass.FixRequest, 400);
    public static readonly ErrorCode QueryFailed = new("query_failed", ErrorClass.FixRequest, 400);

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

    public static readonly ErrorCode Internal = new("internal", ErrorClass.Report, 500);

    /// <summary>All codes.</summary>
    public static IReadOnlyList<ErrorCode> All { get; } =
    [
        InvalidRequest, SqlSyntaxError, SqlUnsupported, UnknownRelation, UnknownColumn, UnknownFunction, TypeMismatch, NotPublished,
        QueryFailed,
        Unauthenticated, TokenExpired, PermissionDenied, AdhocDisabled,
        UnknownSubscription, MustRefetch, SchemaChanged, SlowConsumer, PermissionsChanged,
        RateLimited, TooManySubscriptions, ResultTooLarge, QueryTimeout, SourceUnavailable, ShuttingDown,
        Internal,
    ];

    public override string ToString() => Name;
}
