using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>The checks and the setup that the host runs before the stream begins.</summary>
public sealed class StartPreparation(NpgsqlDataSource dataSource, ReplicationOptions options)
{
    /// <summary>Makes what is missing where the role may, then names the first thing without which the stream cannot run.</summary>
    /// <returns>Null when the stream can run.</returns>
    public async Task<Finding?> RunAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var server = await ServerCheck.ReadAsync(connection, cancellationToken);
        if (server.Findings().FirstOrDefault(finding => finding.Kind == FindingKind.Missing) is { } missing)
        {
            return missing;
        }

        if (options.Publish == PublishMode.Auto)
        {
            await TryAsync(() => HelperSetup.InstallAsync(connection, cancellationToken));
            await TryAsync(() => new PublicationSetup(dataSource, options).EnsureAsync(cancellationToken));
        }

        return await PublicationSettings.FindAsync(connection, options.Publication, cancellationToken) is null
            ? new Finding(
                FindingKind.Missing,
                $"publication \"{options.Publication}\" does not exist and this role may not create it; "
                    + "run the command \"setup\" as a role that may",
                $"CREATE PUBLICATION {Quoting.Identifier(options.Publication)} FOR TABLE …")
            : null;
    }

    /// <summary>The command "setup" does what the role may not do, or what another session's lock prevents.</summary>
    private static async Task TryAsync(Func<Task> make)
    {
        try
        {
            await make();
        }
        catch (PostgresException refused)
            when (refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.LockNotAvailable)
        {
        }
    }
}
