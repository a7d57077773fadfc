using SyncEngine.Values;

namespace SyncEngine.Permissions;

/// <summary>
/// A port: has PostgreSQL resolve a query and check that the principal may run it. Nothing is executed. It is in this room, not with the
/// other ports, because an <see cref="AuthorisedQuery"/> consists of its answers.
/// </summary>
public interface IQueryAnalyst
{
    /// <param name="sql">One SELECT, printed from the tokens of a <see cref="Sql.SelectStatement"/>.</param>
    /// <param name="functions">Every candidate for a function call in it. Names unknown to PostgreSQL are left for it to refuse.</param>
    /// <exception cref="Errors.SyncException">
    /// PostgreSQL's refusal, by its SQLSTATE, with the position in <paramref name="sql"/>; not_published for tables whose changes do not
    /// reach the stream; sql_unsupported for volatile or denied functions.
    /// </exception>
    Task<QueryDescription> DescribeAsync(
        string sql, IReadOnlyList<FunctionCall> functions, Principal principal, CancellationToken cancellationToken);

    /// <summary>
    /// Passes values through PostgreSQL's input and output functions, as the principal: each text becomes the text that its type prints.
    /// It runs read-only under the caller's role, because a domain's CHECK may call any function of its owner.
    /// </summary>
    /// <exception cref="Errors.SyncException">type_mismatch, naming the parameter.</exception>
    Task<IReadOnlyList<string?>> CanonicaliseAsync(
        IReadOnlyList<(SqlType Type, string? Text)> values, Principal principal, CancellationToken cancellationToken);
}
