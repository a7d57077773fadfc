using Microsoft.Extensions.Logging;
using Npgsql;
using SyncEngine.Catalog;
using SyncEngine.Errors;
using SyncEngine.Ports;
using SyncEngine.Postgres.Errors;

namespace SyncEngine.Postgres.Catalog;

/// <summary>
/// The schema registry over the catalog. It loads the catalog whole, and again when a cheap fingerprint of it differs.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="RefreshAsync"/> once, then <see cref="RunAsync"/> until cancelled; a failed poll is repeated at the next one.
/// Backpressure: none; one read at a time, later callers wait.
/// Stored: nothing. After a crash: tables count as streamed from the start, which is right for a stream that begins after the first load.
/// </remarks>
public sealed class CatalogReader(
    NpgsqlDataSource dataSource, CatalogOptions options, TimeProvider timeProvider, ILogger<CatalogReader> logger)
    : ISchemaSource, IDisposable
{
    private readonly SemaphoreSlim turn = new(1);

    // Written under the turn.
    private readonly Dictionary<uint, ulong> streamedAfter = [];
    private Dictionary<uint, (uint Publication, uint Entry)>? memberships;
    private string? pollFingerprint;
    private ulong contentFingerprint;
    private volatile DatabaseSchema? current;

    public event Action<DatabaseSchema>? Changed;

    public DatabaseSchema Current => current ?? throw new InvalidOperationException("the catalog has not been read yet");

    public async Task<DatabaseSchema> RefreshAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
            return Accept(await CatalogSnapshot.ReadAsync(connection, options, cancellationToken));
        }
        catch (Exception exception) when (DatabaseFailure.IsOfDatabase(exception))
        {
            throw SqlStateClassifier.Classify(exception);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>
    /// Records that rows of these tables, written by transactions below <paramref name="xmax"/>, may be missing from the stream. Called
    /// after publishing them; takes effect with the next schema read.
    /// </summary>
    public void MarkPublished(IEnumerable<uint> oids, ulong xmax)
    {
        turn.Wait();
        try
        {
            foreach (var oid in oids)
            {
                streamedAfter[oid] = Math.Max(xmax, streamedAfter.GetValueOrDefault(oid));
            }
        }
        finally
        {
            turn.Release();
        }
    }

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(options.PollInterval, timeProvider);
        while (await timer.WaitForNextTickAsync(cancellationToken))
        {
            try
            {
                if (await ReadPollFingerprintAsync(cancellationToken) != Volatile.Read(ref pollFingerprint))
                {
                    await RefreshAsync(cancellationToken);
                }
            }
            catch (Exception exception) when (
                (DatabaseFailure.IsOfDatabase(exception) || exception is SyncException) && !cancellationToken.IsCancellationRequested)
            {
                Log.PollFailed(logger, exception);
            }
        }
    }

    public void Dispose() => turn.Dispose();

    internal async Task<string> ReadPollFingerprintAsync(CancellationToken cancellationToken)
    {
        await using var command = dataSource.CreateCommand(CatalogQueries.PollFingerprint);
        return (string)(await command.ExecuteScalarAsync(cancellationToken))!;
    }

    private DatabaseSchema Accept(CatalogSnapshot read)
    {
        var known = memberships;
        memberships = read.Memberships();
        if (known is not null || options.IsSlotKept)
        {
            foreach (var (oid, membership) in memberships)
            {
                if (known is null || !known.TryGetValue(oid, out var before) || before != membership)
                {
                    streamedAfter[oid] = Math.Max(read.Xmax, streamedAfter.GetValueOrDefault(oid));
                }
            }
        }

        Volatile.Write(ref pollFingerprint, read.PollFingerprint);
        var content = read.ContentFingerprint(streamedAfter);
        if (current is { } unchanged && content == contentFingerprint)
        {
            return unchanged;
        }

        contentFingerprint = content;
        var schema = read.ToSchema((current?.Version ?? 0) + 1, streamedAfter);
        var isFirst = current is null;
        current = schema;
        Log.Loaded(logger, schema.Version, schema.Tables.Count);
        if (!isFirst)
        {
            Changed?.Invoke(schema);
        }

        return schema;
    }
}
