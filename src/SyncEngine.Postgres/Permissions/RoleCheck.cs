using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Ports;
using SyncEngine.Postgres.Errors;

namespace SyncEngine.Postgres.Permissions;

/// <summary>Asks PostgreSQL about roles and caches its answers for two seconds.</summary>
/// <remarks>
/// Role names are compared in full. SET ROLE truncates a name to 63 bytes, so a longer name could mean another role.
/// Stored: at most <see cref="MaxCached"/> answers; when the cache is full, it is cleared. Concurrent callers may each query PostgreSQL.
/// </remarks>
public sealed class RoleCheck(NpgsqlDataSource database, TimeProvider time) : IRoleCheck
{
    private const int MaxCached = 1_000;

    // MEMBER would also accept roles that were granted WITH SET FALSE, which exists since PostgreSQL 16.
    // https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
    private const string Question = """
        SELECT r.rolsuper, r.rolbypassrls, pg_catalog.pg_has_role(session_user, r.oid, $2)
        FROM pg_catalog.pg_roles AS r
        WHERE r.rolname::pg_catalog.text = $1
        """;

    private static readonly TimeSpan cacheDuration = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (RoleStatus Status, DateTimeOffset Until)> answers = new(StringComparer.Ordinal);
    private readonly Lock access = new(); // guards answers

    public async ValueTask<RoleStatus> CheckAsync(string role, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        lock (access)
        {
            if (answers.TryGetValue(role, out var known) && now < known.Until)
            {
                return known.Status;
            }
        }

        // NUL cannot be sent, and no role name contains it.
        var status = role.Contains('\0', StringComparison.Ordinal) ? RoleStatus.Unknown : await AskAsync(role, cancellationToken);
        lock (access)
        {
            if (answers.Count >= MaxCached)
            {
                answers.Clear();
            }

            answers[role] = (status, now + cacheDuration);
        }

        return status;
    }

    private async Task<RoleStatus> AskAsync(string role, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var command = new NpgsqlCommand(Question, connection)
            {
                Parameters = { new() { Value = role }, new() { Value = connection.PostgreSqlVersion.Major >= 16 ? "SET" : "MEMBER" } },
            };
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            return await reader.ReadAsync(cancellationToken) switch
            {
                false => RoleStatus.Unknown,
                true when reader.GetBoolean(0) => RoleStatus.Superuser,
                true when reader.GetBoolean(1) => RoleStatus.BypassesRowSecurity,
                true when !reader.GetBoolean(2) => RoleStatus.NotGranted,
                true => RoleStatus.Usable,
            };
        }
        catch (Exception failure) when (DatabaseFailure.IsOfDatabase(failure))
        {
            throw new SyncException(
                ErrorCode.SourceUnavailable, "the database cannot be asked about the caller's role", hint: "Try again in a moment.");
        }
    }
}
