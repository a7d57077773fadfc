using SyncEngine.Errors;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;

namespace SyncEngine.Permissions;

/// <summary>
/// A query that PostgreSQL has checked under the principal's role: it exists as described, and this principal may run it.
/// Only <see cref="AuthoriseAsync"/> makes one.
/// </summary>
public sealed class AuthorisedQuery
{
    private const string DeadlockDetected = "40P01";
    private const int MaxAttempts = 3;

    private AuthorisedQuery(BoundQuery query, Principal principal, QueryDescription description)
    {
        Query = query;
        Principal = principal;
        Description = description;
    }

    public BoundQuery Query { get; }

    public SelectStatement Statement => Query.Statement;

    /// <summary>The principal who may run it.</summary>
    public Principal Principal { get; }

    public QueryDescription Description { get; }

    /// <summary>The answer changes with the time.</summary>
    public bool ReadsClock => Description.ReadsClock || Statement.Mentions.HasClockLiterals;

    /// <summary>
    /// The schema that the query was bound in has every relation that PostgreSQL names. False for a relation made just now.
    /// </summary>
    public bool IsWithinSchema => Description.Tables.Concat(Description.Views).All(Query.Schema.Tables.ContainsKey);

    /// <exception cref="SyncException">The reason why the principal may not run it, with its position in the query as sent.</exception>
    public static async Task<AuthorisedQuery> AuthoriseAsync(
        BoundQuery query, Principal principal, IQueryAnalyst analyst, CancellationToken cancellationToken)
    {
        var statement = query.Statement;
        var description = await DescribeAsync(statement, principal, analyst, cancellationToken);
        return statement.Mentions.HighestParameter <= description.Parameters.Length
            ? new AuthorisedQuery(query, principal, description)
            : throw new SyncException(
                ErrorCode.TypeMismatch,
                $"the type of parameter ${statement.Mentions.HighestParameter} cannot be inferred",
                hint: "Use every parameter from $1 up, or cast it: $1::int.");
    }

    private static async Task<QueryDescription> DescribeAsync(
        SelectStatement statement, Principal principal, IQueryAnalyst analyst, CancellationToken cancellationToken)
    {
        var functions = FunctionCall.In(statement.Mentions);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await analyst.DescribeAsync(statement.Text, functions, principal, cancellationToken);
            }
            catch (SyncException refused) when (refused.SqlState == DeadlockDetected && attempt < MaxAttempts)
            {
                // Planning locks tables one after another. A TRUNCATE of several tables may lock them in another order.
            }
            catch (SyncException refused) when (refused is { Position: { } position, SqlState: not null })
            {
                // PostgreSQL counts in the printed text; refusals of the engine carry positions in the text as sent.
                throw new SyncException(refused.Code, refused.Message, refused.Detail, refused.Hint)
                {
                    SqlState = refused.SqlState,
                    Position = statement.MapPosition(position),
                };
            }
        }
    }
}
