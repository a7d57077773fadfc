using System.Collections.Immutable;
using System.Globalization;
using System.Text;

namespace SyncEngine.IntegrationTests.Oracle;

/// <summary>Everything that one run of the oracle does, as data: it can be run again, made smaller, and printed as SQL.</summary>
sealed record Scenario(
    int Seed,
    int Writers,
    ImmutableArray<Table> Tables,
    ImmutableArray<string> Views,
    ImmutableArray<Query> Queries,
    ImmutableArray<Transaction> Transactions,
    ImmutableArray<ClientPlan> Clients)
{
    /// <summary>One writer: the truth is read from the very database after each commit. Several: transactions are replayed elsewhere in commit order.</summary>
    public bool IsSerial => Writers == 1;

    public IEnumerable<string> SetupSql => [.. DomainOfTypes.Setup, .. Tables.SelectMany(table => table.SetupSql), .. Views];

    public override string ToString()
    {
        var text = new StringBuilder().AppendLine(CultureInfo.InvariantCulture, $"-- seed {Seed}, {Writers} writer(s)");
        foreach (var sql in SetupSql)
        {
            text.Append(sql).AppendLine(";");
        }

        foreach (var (index, query) in Queries.Index())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"-- query {index}: {query}");
        }

        foreach (var (index, transaction) in Transactions.Index())
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"-- transaction {index}").AppendLine("BEGIN;");
            foreach (var statement in transaction.Statements)
            {
                text.Append(statement).AppendLine(";");
            }

            text.AppendLine(transaction.IsRolledBack ? "ROLLBACK;" : "COMMIT;");
        }

        foreach (var client in Clients)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"-- client: {client}");
        }

        return text.ToString();
    }
}

/// <summary>One live query under test.</summary>
/// <param name="Text">With <c>$1</c> and so on.</param>
/// <param name="Parameters">The value as text, null for NULL, and the type that the context gives it.</param>
sealed record Query(string Text, ImmutableArray<(string? Value, string Type)> Parameters)
{
    /// <summary>The same query with its parameters written out, for PostgreSQL.</summary>
    public string LiteralText
    {
        get
        {
            var text = Text;
            for (var i = Parameters.Length; i > 0; i--)
            {
                var (value, type) = Parameters[i - 1];
                text = text.Replace("$" + i.ToString(CultureInfo.InvariantCulture), $"({Sql.Literal(value)}::{type})", StringComparison.Ordinal);
            }

            return text;
        }
    }

    public override string ToString() => LiteralText;
}

/// <summary>One transaction: statements with concrete values, and the locks that make their outcome depend on commit order alone.</summary>
/// <param name="IsRolledBack">It ends with ROLLBACK.</param>
sealed record Transaction(ImmutableArray<Statement> Statements, bool IsRolledBack)
{
    /// <summary>Whole tables first, then single keys; everyone takes them in the same order, so there is no deadlock.</summary>
    public IEnumerable<string> LockSql()
    {
        var locks = Statements.SelectMany(statement => statement.Locks).Distinct().ToList();
        var whole = locks.Where(item => item.Key is null).Select(item => item.Table).ToHashSet();
        foreach (var table in locks.Select(item => item.Table).Distinct().Order())
        {
            yield return whole.Contains(table) ? $"SELECT pg_advisory_xact_lock(1, {table})" : $"SELECT pg_advisory_xact_lock_shared(1, {table})";
        }

        foreach (var (table, key) in locks.Where(item => item.Key is not null && !whole.Contains(item.Table)).OrderBy(item => item.Table).ThenBy(item => item.Key, StringComparer.Ordinal))
        {
            yield return $"SELECT pg_advisory_xact_lock(2, hashtext({Sql.Literal($"{table}/{key}")}))";
        }
    }
}

/// <summary>One statement.</summary>
/// <param name="CopyLines">For COPY … FROM STDIN: the lines.</param>
/// <param name="Locks">What it touches: single keys, or a whole table where <c>Key</c> is null.</param>
/// <param name="Pause">Round trips to make before it, so that other writers get between.</param>
sealed record Statement(string Sql, ImmutableArray<(int Table, string? Key)> Locks, ImmutableArray<string> CopyLines, int Pause)
{
    public Statement(string sql, params ImmutableArray<(int Table, string? Key)> locks)
        : this(sql, locks, [], 0)
    {
    }

    public override string ToString() => CopyLines.IsEmpty ? Sql : $"{Sql}\n{string.Join('\n', CopyLines)}\n\\.";
}

enum ClientKind
{
    /// <summary>The hub's <c>Stream</c>: one subscription.</summary>
    Stream,

    /// <summary>The hub's <c>Open</c> and <c>Attach</c>: several subscriptions in one order.</summary>
    OpenStream,

    /// <summary>Server-Sent Events: one subscription.</summary>
    Events,
}

/// <summary>One client's actions with their times. Times count transactions.</summary>
/// <param name="JoinAt">Zero is before any change.</param>
/// <param name="LeaveAt">It loses its line here; null for never.</param>
/// <param name="ReturnAt">It comes back with its cuts here; null for never.</param>
/// <param name="WithNewSubscription">It subscribes again before it comes back.</param>
sealed record ClientPlan(ClientKind Kind, ImmutableArray<int> Queries, int JoinAt, int? LeaveAt, int? ReturnAt, bool WithNewSubscription)
{
    public override string ToString() =>
        $"{Kind} of {string.Join(", ", Queries)}, joins at {JoinAt}, leaves at {LeaveAt?.ToString(CultureInfo.InvariantCulture) ?? "no time"}, returns at {ReturnAt?.ToString(CultureInfo.InvariantCulture) ?? "no time"}{(WithNewSubscription ? " with a new subscription" : "")}";
}

static class Sql
{
    public static string Literal(string? value) => value is null ? "NULL" : $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";

    /// <summary>A literal that brings its type along.</summary>
    public static string Literal(string? value, string type) => $"{Literal(value)}::{type}";
}
