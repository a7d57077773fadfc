using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>What the host looks at and makes before the stream begins.</summary>
public sealed class StartPreparation(NpgsqlDataSource dataSource, ReplicationOptions options)
{
    /// <summary>Makes what is missing where the role may, then names the first thing without which the stream cannot run.</summary>
    /// <returns>Null when the stream can run.</returns>
    public async Task<Finding?> RunAsync(CancellationToken cancellationToken)
    {
        var installation = new DatabaseInstallation(dataSource, options);
        if ((await installation.CheckServerAsync(cancellationToken)).FirstOrDefault(finding => finding.Kind == FindingKind.Missing) is { } missing)
        {
            return missing;
        }

        if (options.Publish == PublishMode.Auto)
        {
            await TryAsync(() => installation.InstallHelpersAsync(cancellationToken));
            await TryAsync(() => new PublicationSetup(dataSource, options).EnsureAsync(cancellationToken));
        }

        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return await new PublicationSetup(dataSource, options).FindAsync(connection, cancellationToken) is null
            ? new Finding(
                FindingKind.Missing,
                $"publication \"{options.Publication}\" does not exist and this role may not create it; run the command \"setup\" as a role that may",
                $"CREATE PUBLICATION {Quoting.Identifier(options.Publication)} FOR TABLE …")
            : null;
    }

    /// <summary>What the role may not do, or somebody's lock keeps from being done, is left to the command "setup".</summary>
    private static async Task TryAsync(Func<Task> make)
    {
        try
        {
            await make();
        }
        catch (PostgresException refused) when (refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.LockNotAvailable)
        {
        }
    }
}
