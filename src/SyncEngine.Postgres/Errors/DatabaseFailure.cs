using System.Net.Sockets;
using Npgsql;

namespace SyncEngine.Postgres.Errors;

/// <summary>The tests of failures: of the database at all, or of a conflict between transactions.</summary>
public static class DatabaseFailure
{
    /// <summary>PostgreSQL refused, or could not be reached. Everything that the driver throws, and what sockets throw under it.</summary>
    public static bool IsOfDatabase(Exception failure) => failure is NpgsqlException or SocketException or IOException or TimeoutException;

    /// <summary>Two transactions met, and this one was ended: the same may succeed at once. SQLSTATE 40001 and 40P01.</summary>
    public static bool IsConflict(Exception failure) =>
        failure is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };
}
