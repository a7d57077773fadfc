using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>
/// The part of the check without which nothing can stream: version, wal_level, slots, WAL senders, the role's attributes.
/// </summary>
sealed class ServerCheck
{
    private const int MoreSlots = 10;

    private readonly ServerRow server;
    private readonly Version version;

    private ServerCheck(ServerRow server, Version version)
    {
        this.server = server;
        this.version = version;
    }

    public bool IsSuperuser => server.IsSuperuser;

    public static async Task<ServerCheck> ReadAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        const string Query = """
            SELECT current_setting('wal_level') AS "WalLevel", pg_is_in_recovery() AS "IsStandby", current_user::text AS "User",
                current_setting('max_replication_slots')::int AS "MaxSlots", (SELECT count(*)::int FROM pg_replication_slots) AS "UsedSlots",
                current_setting('max_wal_senders')::int AS "MaxSenders", (SELECT count(*)::int FROM pg_stat_replication) AS "UsedSenders",
                rolsuper AS "IsSuperuser",
                rolsuper OR rolreplication
                    OR EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'rds_replication' AND pg_has_role(r.oid, 'USAGE')) AS "MayReplicate",
                current_database()::text AS "Database"
            FROM pg_roles WHERE rolname = current_user
            """;
        var server = await connection.QuerySingleAsync<ServerRow>(new CommandDefinition(Query, cancellationToken: cancellationToken));
        return new ServerCheck(server, connection.PostgreSqlVersion);
    }

    public IEnumerable<Finding> Findings()
    {
        yield return version.Major switch
        {
            < 14 => new Finding(FindingKind.Missing, $"PostgreSQL {version} is too old; 14 to 18 are supported"),
            > 18 => new Finding(FindingKind.Note, $"PostgreSQL {version} is newer than 18, the newest that has been tested"),
            _ => new Finding(FindingKind.Good, $"PostgreSQL {version}, database \"{server.Database}\", role \"{server.User}\""),
        };
        yield return Finding.Check(!server.IsStandby, "the server is a primary", "the server is a standby; connect to its primary");
        yield return Finding.Check(
            server.WalLevel == "logical",
            "wal_level is logical",
            $"wal_level is {server.WalLevel}, and live queries need logical (for an outbox alone, "
                + "give its database as SyncEngine:Outbox:Database instead of DATABASE_URL); "
                + "run this SQL, then restart PostgreSQL",
            "ALTER SYSTEM SET wal_level = 'logical'");
        yield return Finding.Check(
            server.UsedSlots < server.MaxSlots,
            $"replication slots: {server.UsedSlots} of {server.MaxSlots} used",
            $"no replication slot is free ({server.UsedSlots} of {server.MaxSlots} used); run this SQL, then restart PostgreSQL",
            $"ALTER SYSTEM SET max_replication_slots = {More(server.MaxSlots)}");
        yield return Finding.Check(
            server.UsedSenders < server.MaxSenders,
            $"WAL senders: {server.UsedSenders} of {server.MaxSenders} used",
            $"no WAL sender is free ({server.UsedSenders} of {server.MaxSenders} used); run this SQL, then restart PostgreSQL",
            $"ALTER SYSTEM SET max_wal_senders = {More(server.MaxSenders)}");
        yield return Finding.Check(
            server.MayReplicate,
            $"role \"{server.User}\" may replicate",
            $"role \"{server.User}\" may not replicate (on Amazon RDS, grant rds_replication to it instead)",
            $"ALTER ROLE {Quoting.Identifier(server.User)} REPLICATION");
    }

    private static string More(int present) => (present + MoreSlots).ToString(CultureInfo.InvariantCulture);

    private sealed record ServerRow
    {
        public required string WalLevel { get; init; }

        public bool IsStandby { get; init; }

        public required string User { get; init; }

        public required string Database { get; init; }

        public int MaxSlots { get; init; }

        public int UsedSlots { get; init; }

        public int MaxSenders { get; init; }

        public int UsedSenders { get; init; }

        public bool IsSuperuser { get; init; }

        public bool MayReplicate { get; init; }
    }
}
