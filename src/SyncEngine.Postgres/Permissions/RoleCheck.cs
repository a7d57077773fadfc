using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Ports;

namespace SyncEngine.Postgres.Permissions;

/// <summary>Asks PostgreSQL about roles, and remembers what it said for a moment.</summary>
/// <remarks>
/// Roles are compared whole: SET ROLE would cut a name at 63 bytes, and a longer one could then mean another role.
/// Stored: at most <see cref="MaxRemembered"/> answers; when there are more, all are forgotten. Callers that ask at once may each ask PostgreSQL.
/// </remarks>
public sealed class RoleCheck(NpgsqlDataSource database, TimeProvider time) : IRoleCheck
{
    private const int MaxRemembered = 1_000;

    // MEMBER would let roles through that were granted WITH SET FALSE, which exists since 16.
    // https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
    private const string Question = """
        SELECT r.rolsuper, r.rolbypassrls, pg_catalog.pg_has_role(session_user, r.oid, $2)
        FROM pg_catalog.pg_roles AS r
        WHERE r.rolname::pg_catalog.text = $1
        """;

    private static readonly TimeSpan remembered = TimeSpan.FromSeconds(2);

    private readonly Dictionary<string, (RoleStanding Standing, DateTimeOffset Until)> answers = new(StringComparer.Ordinal);
    private readonly Lock access = new(); // answers are read and written by any request

    public async ValueTask<RoleStanding> CheckAsync(string role, CancellationToken cancellationToken)
    {
        var now = time.GetUtcNow();
        lock (access)
        {
            if (answers.TryGetValue(role, out var known) && now < known.Until)
            {
                return known.Standing;
            }
        }

        // NUL cannot be sent, and no role has it in its name.
        var standing = role.Contains('\0', StringComparison.Ordinal) ? RoleStanding.Unknown : await AskAsync(role, cancellationToken);
        lock (access)
        {
            if (answers.Count >= MaxRemembered)
            {
                answers.Clear();
            }

            answers[role] = (standing, now + remembered);
        }

        return standing;
    }

    private async Task<RoleStanding> AskAsync(string role, CancellationToken cancellationToken)
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
                false => RoleStanding.Unknown,
                true when reader.GetBoolean(0) => RoleStanding.Superuser,
                true when reader.GetBoolean(1) => RoleStanding.BypassesRowSecurity,
                true when !reader.GetBoolean(2) => RoleStanding.NotGranted,
                true => RoleStanding.MayBeTaken,
            };
        }
        catch (NpgsqlException)
        {
            throw new SyncException(ErrorCode.SourceUnavailable, "the database cannot be asked about the caller's role", hint: "Try again in a moment.");
        }
    }
}
