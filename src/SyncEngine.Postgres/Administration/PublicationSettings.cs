using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>The settings of a publication that decide which changes it leaves out.</summary>
sealed record PublicationSettings
{
    public bool IsViaRoot { get; init; }

    public bool HasEveryOperation { get; init; }

    /// <summary>From 18 on: <c>n</c> none, <c>s</c> stored.</summary>
    public string? GeneratedColumns { get; init; }

    /// <summary>The settings of a new publication, as SQL.</summary>
    public static string Wanted(NpgsqlConnection connection) =>
        "publish_via_partition_root = false" + (connection.PostgreSqlVersion.Major >= 18 ? ", publish_generated_columns = stored" : "");

    /// <returns>Null when there is no such publication.</returns>
    public static Task<PublicationSettings?> FindAsync(NpgsqlConnection connection, string publication, CancellationToken cancellationToken)
    {
        var generated = connection.PostgreSqlVersion.Major >= 18 ? "pubgencols::text" : "NULL::text";
        return connection.QuerySingleOrDefaultAsync<PublicationSettings>(new CommandDefinition(
            $"""
            SELECT pubviaroot AS "IsViaRoot", pubinsert AND pubupdate AND pubdelete AND pubtruncate AS "HasEveryOperation",
                {generated} AS "GeneratedColumns"
            FROM pg_publication WHERE pubname = @publication
            """,
            new { publication },
            cancellationToken: cancellationToken));
    }

    /// <summary>The SQL that corrects the settings; null when nothing is wrong.</summary>
    public string? Repair(string publication)
    {
        var settings = new List<string>();
        if (IsViaRoot)
        {
            settings.Add("publish_via_partition_root = false");
        }

        if (!HasEveryOperation)
        {
            settings.Add("publish = 'insert, update, delete, truncate'");
        }

        if (GeneratedColumns == "n")
        {
            settings.Add("publish_generated_columns = stored");
        }

        return settings.Count == 0 ? null : $"ALTER PUBLICATION {Quoting.Identifier(publication)} SET ({string.Join(", ", settings)})";
    }
}
