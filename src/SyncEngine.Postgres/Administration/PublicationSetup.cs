using System.Globalization;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Administration;

/// <summary>The outcome of a change to the publication.</summary>
/// <param name="IsCreated">It did not exist before.</param>
/// <param name="Added">Tables that were added just now; a partitioned one stands for its partitions.</param>
/// <param name="StreamedAfterXid">
/// When tables were added: transactions below this id may have written to them without being streamed. It is the xmax of a snapshot
/// taken after the change had been committed; a read whose snapshot's xmin has reached it misses nothing that the stream lacks. Else zero.
/// </param>
public sealed record PublicationChange(
    bool IsCreated, IReadOnlyList<PublishableTable> Added, IReadOnlyList<LeftOutTable> LeftOut, ulong StreamedAfterXid);

/// <summary>
/// Creates the publication and adds the tables that may be published: those whose UPDATEs and DELETEs go on working, because they have a
/// replica identity.
/// </summary>
/// <remarks>
/// Partitions are published, not their roots (publish_via_partition_root = false): TRUNCATE, ATTACH and DETACH of a partition would leave
/// no trace otherwise.
/// A partitioned table is added as such when its primary key gives every later partition a replica identity, too; else its partitions one
/// by one.
/// Several engines may do this at once: an advisory lock keeps them apart.
/// </remarks>
public sealed class PublicationSetup(NpgsqlDataSource dataSource, ReplicationOptions options)
{
    /// <summary>A number that no other program uses; it spells "syncpubl".</summary>
    private const long AdvisoryLock = 0x73796E637075626C;

    public string Publication => options.Publication;

    /// <summary>Creates the publication if it is missing, corrects its settings, and adds the tables that are missing.</summary>
    public async Task<PublicationChange> EnsureAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var isCreated = false;
        await using (var transaction = await BeginAsync(connection, cancellationToken))
        {
            var existing = await PublicationSettings.FindAsync(connection, Publication, cancellationToken);
            var change = existing is null
                ? $"CREATE PUBLICATION {Quoting.Identifier(Publication)} WITH ({PublicationSettings.Wanted(connection)})"
                : existing.Repair(Publication);
            if (change is not null)
            {
                await connection.ExecuteAsync(new CommandDefinition(change, cancellationToken: cancellationToken));
            }

            isCreated = existing is null;
            await transaction.CommitAsync(cancellationToken);
        }

        return await AddAsync(connection, isCreated, cancellationToken);
    }

    /// <summary>Adds the tables that have appeared, or gained a replica identity, since. The publication must exist.</summary>
    /// <remarks>Gives up after 5 s on a table that another session keeps locked (SQLSTATE 55P03): call again later.</remarks>
    public async Task<PublicationChange> AddMissingTablesAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        return await AddAsync(connection, isCreated: false, cancellationToken);
    }

    private async Task<PublicationChange> AddAsync(NpgsqlConnection connection, bool isCreated, CancellationToken cancellationToken)
    {
        var plan = await PublicationPlan.ReadAsync(connection, options, cancellationToken);
        if (plan.Missing.Count == 0)
        {
            return new PublicationChange(isCreated, [], plan.LeftOut, 0);
        }

        await using (var transaction = await BeginAsync(connection, cancellationToken))
        {
            // Again, now that no other engine adds tables.
            plan = await PublicationPlan.ReadAsync(connection, options, cancellationToken);
            if (plan.Missing.Count > 0)
            {
                await connection.ExecuteAsync(new CommandDefinition(
                    $"ALTER PUBLICATION {Quoting.Identifier(Publication)} ADD TABLE {PublishableTable.List(plan.Missing)}",
                    cancellationToken: cancellationToken));
            }

            await transaction.CommitAsync(cancellationToken);
        }

        // Also when another engine has just added them: its commit is behind us, too.
        var xmax = await connection.ExecuteScalarAsync<string>(
            new CommandDefinition("SELECT pg_snapshot_xmax(pg_current_snapshot())::text", cancellationToken: cancellationToken));
        return new PublicationChange(isCreated, plan.Missing, plan.LeftOut, ulong.Parse(xmax!, CultureInfo.InvariantCulture));
    }

    private static async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, CancellationToken cancellationToken)
    {
        var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            $"SET LOCAL lock_timeout = '5s'; SELECT pg_advisory_xact_lock({AdvisoryLock.ToString(CultureInfo.InvariantCulture)})",
            cancellationToken: cancellationToken));
        return transaction;
    }
}
