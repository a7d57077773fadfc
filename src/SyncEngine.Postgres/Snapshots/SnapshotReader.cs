using System.Collections.Immutable;
using System.Data;
using Npgsql;
using NpgsqlTypes;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Errors;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Snapshots;

/// <summary>
/// Reads results in one transaction, sent as one batch (<see cref="SnapshotScript"/>). A statement that fails aborts the transaction,
/// so the other results are read again in another one.
/// </summary>
public sealed class SnapshotReader(
    NpgsqlDataSource dataSource, ISchemaSource schemas, QuerySessionOptions session, SnapshotOptions options) : ISnapshotReader
{
    public async Task<SnapshotRead> ReadAsync(
        IReadOnlyList<SnapshotRequest> requests, Principal principal, CancellationToken cancellationToken)
    {
        var results = new SnapshotResult[requests.Count];
        var pending = Enumerable.Range(0, requests.Count).ToList();
        var locks = LockNames(requests);
        var mayReconnect = true;
        while (true)
        {
            var attempt = await AttemptAsync([.. pending.Select(index => requests[index])], locks.Values, principal, cancellationToken);
            switch (attempt)
            {
                case Attempt.Read read:
                    for (var i = 0; i < pending.Count; i++)
                    {
                        results[pending[i]] = new SnapshotResult(read.Answer.Rows[i], Error: null);
                    }

                    return new SnapshotRead(read.Answer.Snapshot, read.Answer.UpperBound, [.. results]);

                case Attempt.QueryFailed failed:
                    results[pending[failed.Query]] = new SnapshotResult(Rows: null, failed.Error);
                    pending.RemoveAt(failed.Query);
                    break;

                case Attempt.LockFailed:
                    locks = await LockableAsync(locks, cancellationToken);
                    break;

                case Attempt.Failed { IsConnectionLost: true } when mayReconnect:
                    mayReconnect = false;
                    break;

                case Attempt.Failed failed:
                    throw failed.Error;
            }
        }
    }

    private async Task<Attempt> AttemptAsync(
        SnapshotRequest[] requests, IReadOnlyCollection<string> locks, Principal principal, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection;
        try
        {
            connection = await dataSource.OpenConnectionAsync(cancellationToken);
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            return new Attempt.Failed(SqlStateClassifier.Classify(exception));
        }

        // A transaction that is left open is rolled back as the connection returns to its pool.
        await using var returning = connection;
        await using var script = new SnapshotScript(connection, requests, locks, principal, session, options);
        try
        {
            var answer = await script.ReadAsync(cancellationToken);
            return answer.RoleEscapesPolicies && principal.Role is not null
                ? new Attempt.Failed(QuerySession.EscapesPolicies(principal.Role))
                : new Attempt.Read(answer);
        }
        catch (ResultTooLargeException tooLarge)
        {
            return new Attempt.QueryFailed(tooLarge.Query, tooLarge.ToError());
        }
        catch (PostgresException refused) when (!connection.FullState.HasFlag(ConnectionState.Broken)
            && connection.FullState.HasFlag(ConnectionState.Open))
        {
            return script.LocateFailure() switch
            {
                (ScriptPart.Lock, _) when refused.SqlState is PostgresErrorCodes.InsufficientPrivilege or PostgresErrorCodes.UndefinedTable
                    or PostgresErrorCodes.InvalidSchemaName or PostgresErrorCodes.WrongObjectType =>
                    new Attempt.LockFailed(),
                (ScriptPart.Identity, _) => new Attempt.Failed(QuerySession.NotTakeable(principal.Role, refused.SqlState)),
                (ScriptPart.Query, var query) =>
                    new Attempt.QueryFailed(query, SqlStateClassifier.Classify(refused, 0, requests[query].Sql.Length)),
                _ => new Attempt.Failed(SqlStateClassifier.Classify(refused)),
            };
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            return new Attempt.Failed(
                SqlStateClassifier.Classify(exception),
                IsConnectionLost: exception is not TimeoutException && exception.InnerException is not TimeoutException);
        }
    }

    // In the order of OIDs, so that two readers never wait for each other's locks.
    private SortedDictionary<uint, string> LockNames(IReadOnlyList<SnapshotRequest> requests)
    {
        var tables = schemas.Current.Tables;
        var names = new SortedDictionary<uint, string>();
        foreach (var oid in requests.SelectMany(request => request.LockTables))
        {
            if (tables.TryGetValue(oid, out var table))
            {
                names[oid] = Quoting.Identifier(table.Schema, table.Name);
            }
        }

        return names;
    }

    /// <summary>
    /// Those of the tables that the engine's role may lock, by their present names; none when they are the refused ones again.
    /// </summary>
    private async Task<SortedDictionary<uint, string>> LockableAsync(
        SortedDictionary<uint, string> refused, CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(
            """
            SELECT c.oid, n.nspname::text, c.relname::text
            FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
            WHERE c.oid = ANY ($1) AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')
            """);
        command.Parameters.Add(
            new NpgsqlParameter { Value = refused.Keys.ToArray(), NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid });
        var lockable = new SortedDictionary<uint, string>();
        try
        {
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                lockable[reader.GetFieldValue<uint>(0)] = Quoting.Identifier(reader.GetString(1), reader.GetString(2));
            }
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            throw SqlStateClassifier.Classify(exception);
        }

        return lockable.SequenceEqual(refused) ? [] : lockable;
    }

    /// <summary>The outcome of one transaction.</summary>
    private abstract record Attempt
    {
        public sealed record Read(SnapshotAnswer Answer) : Attempt;

        public sealed record QueryFailed(int Query, SyncException Error) : Attempt;

        public sealed record LockFailed : Attempt;

        public sealed record Failed(SyncException Error, bool IsConnectionLost = false) : Attempt;
    }
}
