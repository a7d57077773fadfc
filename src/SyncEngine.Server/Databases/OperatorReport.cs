using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Databases;

/// <summary>Prints failures that an operator can correct as one line.</summary>
static class OperatorReport
{
    /// <param name="database">The database that was open, for the address in the line; null before.</param>
    /// <returns>False for a failure of another kind; nothing is printed then.</returns>
    public static bool TryWrite(Exception exception, MainDatabase? database, TextWriter error)
    {
        var line = database is null
            ? DatabaseProblem.Describe(exception, address: null)
            : DatabaseProblem.Describe(exception, database.Address, database.Origin);
        if (line is null)
        {
            return false;
        }

        error.WriteLine($"error: {line}");
        return true;
    }
}
