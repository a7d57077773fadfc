using System.Net.Sockets;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>Turns what the driver throws into one line for whoever runs the engine.</summary>
public static class DatabaseProblem
{
    /// <summary>What is wrong and what to do; null when the exception is not one of the database's.</summary>
    /// <param name="origin">Where the address was given, as its user calls it.</param>
    public static string? Describe(Exception exception, NpgsqlConnectionStringBuilder? address, string origin = "DATABASE_URL")
    {
        var where = address is null ? "the database" : $"the database {DatabaseAddress.Describe(address)}";
        return exception switch
        {
            OperatorException => exception.Message,
            PostgresException refused => DescribeRefusal(refused, where, address, origin),
            NpgsqlException { InnerException: SocketException { SocketErrorCode: SocketError.HostNotFound or SocketError.NoData or SocketError.TryAgain } } =>
                $"cannot reach {where}: no host of that name; correct the host in {origin}",
            NpgsqlException { InnerException: SocketException socket } =>
                $"cannot reach {where}: {OneLine(socket.Message)}; start it, or correct host and port in {origin}",
            NpgsqlException { InnerException: TimeoutException } or TimeoutException =>
                $"{where} did not answer in time; see whether it is overloaded, locked, or behind a firewall",
            NpgsqlException { InnerException: System.Security.Authentication.AuthenticationException } =>
                $"no encrypted connection to {where}: {OneLine(exception.InnerException!.Message)}; correct sslmode or sslrootcert in {origin}",
            NpgsqlException when exception.Message.Contains("No SSL enabled connection", StringComparison.Ordinal) =>
                $"no encrypted connection to {where}: the server does not offer it; set sslmode=disable or sslmode=prefer in {origin}, or switch ssl on in the server",
            NpgsqlException => $"cannot use {where}: {OneLine(exception.Message)}; see its log",
            _ => null,
        };
    }

    private static string DescribeRefusal(PostgresException refused, string where, NpgsqlConnectionStringBuilder? address, string origin) => refused.SqlState switch
    {
        PostgresErrorCodes.InvalidPassword or PostgresErrorCodes.InvalidAuthorizationSpecification =>
            $"{where} refuses to sign in: {OneLine(refused.MessageText)}; correct user and password in {origin}, or pg_hba.conf",
        PostgresErrorCodes.InvalidCatalogName =>
            $"{OneLine(refused.MessageText)}; run CREATE DATABASE {Quoting.Identifier(address?.Database ?? address?.Username ?? "")}, or correct {origin}",
        PostgresErrorCodes.CannotConnectNow => $"{where} is starting or stopping: {OneLine(refused.MessageText)}; try again when it is up",
        PostgresErrorCodes.TooManyConnections => $"{where} has no connection left: {OneLine(refused.MessageText)}; raise max_connections or close others",
        PostgresErrorCodes.InsufficientPrivilege =>
            $"{where}: {OneLine(refused.MessageText)}; run it as the owner of the tables or a superuser, or grant what is missing to {Quoting.Identifier(address?.Username ?? "the role")}",
        PostgresErrorCodes.ObjectNotInPrerequisiteState when refused.MessageText.Contains("wal_level", StringComparison.Ordinal) =>
            $"{where}: {OneLine(refused.MessageText)}; run ALTER SYSTEM SET wal_level = 'logical', then restart PostgreSQL; an outbox alone does without: give its database as SyncEngine:Outbox:Database instead of {origin}",
        PostgresErrorCodes.ConfigurationLimitExceeded =>
            $"{where}: {OneLine(refused.MessageText)}; run ALTER SYSTEM SET max_replication_slots = 20 and restart, or drop a slot that nobody uses",
        PostgresErrorCodes.LockNotAvailable => $"{where}: {OneLine(refused.MessageText)}; end the transaction that holds the lock, or try again later",
        _ => $"{where}: {OneLine(refused.MessageText)} (SQLSTATE {refused.SqlState})",
    };

    private static string OneLine(string text) =>
        string.Join(' ', text.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)).TrimEnd('.');
}
