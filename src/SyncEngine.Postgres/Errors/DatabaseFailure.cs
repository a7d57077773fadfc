using System.Net.Sockets;
using Npgsql;

namespace SyncEngine.Postgres.Errors;

/// <summary>The tests of whether a failure is the database's, and whether the same statement may succeed later.</summary>
public static class DatabaseFailure
{
    /// <summary>PostgreSQL refused, or could not be reached. Everything that the driver throws, and what sockets throw under it.</summary>
    public static bool IsOfDatabase(Exception failure) => failure is NpgsqlException or SocketException or IOException or TimeoutException;

    /// <summary>Two transactions met, and this one was ended: the same may succeed at once. SQLSTATE 40001 and 40P01.</summary>
    public static bool IsConflict(Exception failure) =>
        failure is PostgresException { SqlState: PostgresErrorCodes.SerializationFailure or PostgresErrorCodes.DeadlockDetected };

    /// <summary>
    /// The connection or the server is at fault, and not the statement: SQLSTATE classes 08, 53 and 57, or no answer at all.
    /// </summary>
    public static bool IsOfConnection(Exception failure) => failure is PostgresException refused
        ? refused.SqlState[..2] is "08" or "53" or "57"
        : IsOfDatabase(failure);
}
