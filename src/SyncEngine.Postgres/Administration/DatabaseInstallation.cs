using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>The needs of the engine itself in a database: publication, slot, and the objects of schema <c>sync</c>.</summary>
/// <param name="outbox">An outbox in the same database. Its tables need no publication.</param>
public sealed class DatabaseInstallation(
    NpgsqlDataSource dataSource, ReplicationOptions options, OutboxNames? outbox = null) : IInstallation
{
    private readonly PublicationSetup publication = new(dataSource, options);
    private readonly SlotSetup slot = new(options.SlotName);

    public async IAsyncEnumerable<Finding> CheckAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var server = await ServerCheck.ReadAsync(connection, cancellationToken);
        foreach (var finding in server.Findings())
        {
            yield return finding;
        }

        foreach (var finding in await new PublicationCheck(options, outbox).RunAsync(connection, cancellationToken))
        {
            yield return finding;
        }

        if (options.Slot == SlotKind.Persistent)
        {
            yield return await slot.CheckAsync(connection, cancellationToken);
        }

        await foreach (var finding in HelperSetup.CheckAsync(connection, server.IsSuperuser, cancellationToken))
        {
            yield return finding;
        }
    }

    public async IAsyncEnumerable<Finding> InstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        foreach (var finding in await HelperSetup.InstallAsync(connection, cancellationToken))
        {
            yield return finding;
        }

        var change = await publication.EnsureAsync(cancellationToken);
        yield return change.IsCreated
            ? new Finding(FindingKind.Done, $"publication \"{options.Publication}\" created")
            : new Finding(FindingKind.Good, $"publication \"{options.Publication}\" exists");
        foreach (var table in change.Added)
        {
            yield return new Finding(FindingKind.Done, $"table {table} added to publication \"{options.Publication}\"");
        }

        foreach (var table in change.LeftOut)
        {
            yield return table.ToFinding(FindingKind.Note);
        }

        if (options.Slot == SlotKind.Persistent)
        {
            yield return await slot.InstallAsync(connection, cancellationToken);
        }
    }

    public async IAsyncEnumerable<Finding> UninstallAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        yield return await slot.UninstallAsync(connection, cancellationToken);

        var hadPublication = await PublicationSettings.FindAsync(connection, options.Publication, cancellationToken) is not null;
        await connection.ExecuteAsync(new CommandDefinition(
            $"DROP PUBLICATION IF EXISTS {Quoting.Identifier(options.Publication)}", cancellationToken: cancellationToken));
        yield return Finding.Removed($"publication \"{options.Publication}\"", hadPublication);

        await foreach (var finding in HelperSetup.UninstallAsync(connection, cancellationToken))
        {
            yield return finding;
        }
    }
}
