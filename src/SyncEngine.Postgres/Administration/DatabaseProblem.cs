using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>Turns the driver's exceptions into one line for the operator: the fault, and the correction.</summary>
public static class DatabaseProblem
{
    /// <returns>Null when the exception is not one of the database's.</returns>
    /// <param name="origin">The configuration key that the address comes from.</param>
    public static string? Describe(Exception exception, NpgsqlConnectionStringBuilder? address, string origin = "DATABASE_URL")
    {
        var database = address is null ? "the database" : $"the database {DatabaseAddress.Describe(address)}";
        return exception switch
        {
            OperatorException => exception.Message,
            PostgresException refused => DescribeRefusal(refused, database, address, origin),
            NpgsqlException { InnerException: SocketException socket } => DescribeSocket(socket, database, origin),
            NpgsqlException { InnerException: TimeoutException } or TimeoutException =>
                $"{database} did not answer in time; see whether it is overloaded, locked, or behind a firewall",
            NpgsqlException { InnerException: AuthenticationException inner } =>
                $"no encrypted connection to {database}: {OneLine(inner.Message)}; correct sslmode or sslrootcert in {origin}",
            NpgsqlException when exception.Message.Contains("No SSL enabled connection", StringComparison.Ordinal) =>
                $"no encrypted connection to {database}: the server does not offer it; "
                + $"set sslmode=disable or sslmode=prefer in {origin}, or switch ssl on in the server",
            NpgsqlException => $"cannot use {database}: {OneLine(exception.Message)}; see its log",
            _ => null,
        };
    }

    private static string DescribeSocket(SocketException socket, string database, string origin) =>
        socket.SocketErrorCode is SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain
            ? $"cannot reach {database}: no host of that name; correct the host in {origin}"
            : $"cannot reach {database}: {OneLine(socket.Message)}; start it, or correct host and port in {origin}";

    private static string DescribeRefusal(PostgresException refused, string database, NpgsqlConnectionStringBuilder? address, string origin)
    {
        var reason = OneLine(refused.MessageText);
        return refused.SqlState switch
        {
            PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
                $"{database} refuses the login: {reason}; correct user and password in {origin}, or pg_hba.conf",
            PostgresErrorCodes.InvalidCatalogName =>
                $"{reason}; run CREATE DATABASE {Quoting.Identifier(address?.Database ?? address?.Username ?? "")}, or correct {origin}",
            PostgresErrorCodes.CannotConnectNow => $"{database} is starting or stopping: {reason}; try again when it is up",
            PostgresErrorCodes.TooManyConnections => $"{database} has no connection left: {reason}; raise max_connections or close others",
            PostgresErrorCodes.InsufficientPrivilege =>
                $"{database}: {reason}; use the role that owns the tables, the role that ran setup, or a superuser, "
                + $"or grant what is missing to {Quoting.Identifier(address?.Username ?? "the role")}",
            PostgresErrorCodes.ObjectNotInPrerequisiteState when reason.Contains("wal_level", StringComparison.Ordinal) =>
                $"{database}: {reason}; run ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL; "
                + $"an outbox alone does not need it: give its database as SyncEngine:Outbox:Database instead of {origin}",
            PostgresErrorCodes.ConfigurationLimitExceeded =>
                $"{database}: {reason}; run ALTER SYSTEM SET max_replication_slots = 20 and restart, or drop a slot that is not used",
            PostgresErrorCodes.LockNotAvailable => $"{database}: {reason}; end the transaction that holds the lock, or try again later",
            _ => $"{database}: {reason} (SQLSTATE {refused.SqlState})",
        };
    }

    private static string OneLine(string text) =>
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).TrimEnd('.');
}
