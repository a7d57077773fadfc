using System.Collections.Immutable;
using SyncEngine.Changes;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Values;

namespace SyncEngine.Ports;

/// <summary>One query to read.</summary>
/// <param name="Sql">The printed query.</param>
/// <param name="Parameters">Text values of $1, $2, …</param>
/// <param name="ParameterTypes">Their types, as the description gave them. A reader may leave it to PostgreSQL to infer them again.</param>
/// <param name="LockTables">
/// Tables to lock in ACCESS SHARE mode before the snapshot is taken, because TRUNCATE and rewrites are not MVCC-safe.
/// </param>
public sealed record SnapshotRequest(
    string Sql,
    ImmutableArray<string?> Parameters,
    ImmutableArray<SqlType> ParameterTypes,
    ImmutableArray<uint> LockTables,
    RowEncoder Encoder);

/// <summary>One query's rows, or the reason why there are none.</summary>
public sealed record SnapshotResult(ResultRows? Rows, SyncException? Error);

/// <summary>Rows read together.</summary>
/// <param name="Snapshot">The transactions that the rows show.</param>
/// <param name="UpperBound">Every visible transaction's commit record lies below it.</param>
/// <param name="Results">One per request, in order.</param>
public sealed record SnapshotRead(PgSnapshot Snapshot, Lsn UpperBound, ImmutableArray<SnapshotResult> Results);

/// <summary>
/// Reads results in REPEATABLE READ, READ ONLY, under the principal's role and claims, within the statement timeout and the result limits.
/// </summary>
public interface ISnapshotReader
{
    /// <summary>
    /// Reads all requests in one snapshot, in one round trip where nothing fails. A request that fails is answered with its error, and the
    /// others are read without it.
    /// </summary>
    /// <exception cref="SyncException">
    /// For all of them together: source_unavailable when the database cannot be reached, permission_denied when the role cannot be used,
    /// query_timeout when a lock is not granted in time.
    /// </exception>
    Task<SnapshotRead> ReadAsync(IReadOnlyList<SnapshotRequest> requests, Principal principal, CancellationToken cancellationToken);
}
