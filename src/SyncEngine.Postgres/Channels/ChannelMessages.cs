using System.Security.Cryptography;
using System.Text;
using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Sessions;

namespace SyncEngine.Postgres.Channels;

/// <summary>The table <c>sync.channel_messages</c>: storing, reading as a principal, and deleting expired messages.</summary>
/// <remarks>
/// A channel has one publisher at a time, which sends ids that rise and waits for each commit before the next. So along a channel
/// ids rise in the order of commits: a reader that has seen an id and asks for those above it misses nothing, whatever
/// transactions are open elsewhere. Two publishers overlap only while a channel moves between nodes; the later one then repeats
/// ids, which are stored once.
/// Expired messages are deleted from the beginning of a channel. Its newest message and its newest expired one are left: a reader of
/// the newest message finds it again until a later one has expired.
/// </remarks>
public sealed class ChannelMessages(NpgsqlDataSource database, QuerySessionOptions session, TimeSpan retention)
{
    /// <summary>The notification channel of new messages; the payload is <see cref="WakeUpOf"/>.</summary>
    public const string Notification = "sync_channels";

    private const int SweptAtOnce = 5_000;

    private const string Store = """
        WITH stored AS (
            INSERT INTO sync.channel_messages (channel, id, name, data, headers)
            SELECT $1, id, name, data::jsonb, headers::jsonb FROM unnest($2, $3, $4, $5) AS sent (id, name, data, headers)
            ON CONFLICT (channel, id) DO NOTHING
            RETURNING id)
        SELECT pg_catalog.pg_notify($6, $7) WHERE EXISTS (SELECT FROM stored)
        """;

    // Each candidate has a next message that has expired, too. The messages before a candidate are deleted with it, even if the clock was
    // set back.
    private const string Sweep = $"""
        WITH turn AS MATERIALIZED (SELECT pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtext('sync.channel_messages')) AS is_ours),
        expired AS (
            SELECT channel, pg_catalog.max(id) AS last FROM (
                SELECT channel, id FROM sync.channel_messages AS m
                WHERE time < pg_catalog.now() - $1
                    AND (SELECT time FROM sync.channel_messages AS n
                        WHERE n.channel = m.channel AND n.id > m.id ORDER BY n.id LIMIT 1) < pg_catalog.now() - $1
                ORDER BY time LIMIT $2) AS candidates
            WHERE (SELECT is_ours FROM turn)
            GROUP BY channel)
        DELETE FROM sync.channel_messages AS m USING expired WHERE m.channel = expired.channel AND m.id <= expired.last
        """;

    private const string Bounds = """
        SELECT pg_catalog.min(id), pg_catalog.max(id), pg_catalog.row_security_active('sync.channel_messages'),
            (SELECT time < pg_catalog.now() - $2 FROM sync.channel_messages WHERE channel = $1 ORDER BY id LIMIT 1),
            (SELECT relrowsecurity FROM pg_catalog.pg_class WHERE oid = 'sync.channel_messages'::pg_catalog.regclass)
        FROM sync.channel_messages WHERE channel = $1
        """;

    private const string Select =
        "SELECT id, name, data::text, headers::text, time FROM sync.channel_messages WHERE channel = $1 AND id > $2 ORDER BY id LIMIT $3";

    /// <summary>The time for which messages are kept.</summary>
    public TimeSpan Retention => retention;

    /// <summary>The payload that wakes the readers of a channel: short for any name, and without revealing it.</summary>
    public static string WakeUpOf(string channel) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(channel)).AsSpan(0, 8));

    /// <summary>Stores the messages of one channel in order, in one statement; ids that exist are left as they are.</summary>
    public async Task<StoreResult> StoreAsync(string channel, IReadOnlyList<ChannelMessage> messages, CancellationToken cancellationToken)
    {
        var failure = await TryStoreAsync(channel, messages, cancellationToken);
        if (failure is not { Kind: StoreFailureKind.Unfit } || messages.Count == 1)
        {
            return new StoreResult(failure is null ? messages.Count : 0, failure);
        }

        // One of them is the cause: the messages are stored one by one until it is found.
        for (var i = 0; i < messages.Count; i++)
        {
            if (await TryStoreAsync(channel, [messages[i]], cancellationToken) is { } found)
            {
                return new StoreResult(i, found);
            }
        }

        return new StoreResult(messages.Count);
    }

    /// <summary>Deletes expired messages in bounded steps; does nothing while another engine deletes.</summary>
    /// <returns>Null, or the failure.</returns>
    public async Task<StoreFailure?> SweepAsync(CancellationToken cancellationToken)
    {
        try
        {
            int swept;
            do
            {
                await using var command = database.CreateCommand(Sweep);
                command.Parameters.Add(new() { Value = retention });
                command.Parameters.Add(new() { Value = SweptAtOnce });
                swept = await command.ExecuteNonQueryAsync(cancellationToken);
            }
            while (swept >= SweptAtOnce);
            return null;
        }
        catch (Exception exception) when (ChannelFailures.IsOfDatabase(exception) && !cancellationToken.IsCancellationRequested)
        {
            return ChannelFailures.OfStoring(exception);
        }
    }

    /// <summary>Reads as the principal: GRANTs and policies decide what is seen.</summary>
    /// <param name="after">The position to continue from; null for everything that is stored.</param>
    /// <param name="maxMessages">The most messages of one page.</param>
    /// <param name="maxBytes">The size after which the page ends; it has at least one message.</param>
    /// <exception cref="SyncException"><c>permission_denied</c>, <c>unknown_relation</c> where setup has not been run,
    /// <c>source_unavailable</c>.</exception>
    public async Task<ChannelPage> ReadAsync(
        Principal principal, string channel, long? after, int maxMessages, int maxBytes, CancellationToken cancellationToken)
    {
        try
        {
            // A transaction that is left open is rolled back as the connection returns to its pool.
            await using var connection = await database.OpenConnectionAsync(cancellationToken);
            await using var batch = new NpgsqlBatch(connection);
            batch.Add("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").Add(QuerySession.Limits(session));
            var boundsAt = batch.BatchCommands.Count;
            // The bounds of all stored messages are read as the engine's own role, in the same snapshot.
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Bounds)
            {
                Parameters = { new() { Value = channel }, new() { Value = retention } },
            });
            batch.Add([.. QuerySession.Identity(principal)]);
            var selectAt = batch.Add(QuerySession.RoleEscapesPolicies).BatchCommands.Count;
            batch.BatchCommands.Add(new NpgsqlBatchCommand(Select)
            {
                Parameters = { new() { Value = channel }, new() { Value = after ?? long.MinValue }, new() { Value = maxMessages } },
            });
            batch.Add("COMMIT");
            try
            {
                await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
                return await ReadPageAsync(reader, principal, after, maxMessages, maxBytes, cancellationToken);
            }
            catch (PostgresException refused)
            {
                var failedAt = batch.FailedAt();
                throw failedAt > boundsAt && failedAt < selectAt - 1
                    ? QuerySession.NotTakeable(principal.Role, refused.SqlState)
                    : ChannelFailures.OfReading(refused, failedAt == selectAt ? principal.Role : null);
            }
        }
        catch (Exception exception) when (ChannelFailures.IsOfDatabase(exception) && !cancellationToken.IsCancellationRequested)
        {
            throw ChannelFailures.OfReading(exception, role: null);
        }
    }

    private static async Task<ChannelPage> ReadPageAsync(
        NpgsqlDataReader reader, Principal principal, long? after, int maxMessages, int maxBytes, CancellationToken cancellationToken)
    {
        await reader.ReadAsync(cancellationToken);
        var (oldest, newest) = reader.IsDBNull(0) ? (null, null) : ((long?)reader.GetInt64(0), (long?)reader.GetInt64(1));
        var isBlind = reader.GetBoolean(2);
        var isOldestExpired = !reader.IsDBNull(3) && reader.GetBoolean(3);
        var dependsOnClaims = reader.GetBoolean(4);
        await reader.NextResultAsync(cancellationToken);
        if (await reader.ReadAsync(cancellationToken) && reader.GetBoolean(0) && principal.Role is not null)
        {
            throw QuerySession.EscapesPolicies(principal.Role);
        }

        // A policy that binds the engine's own role hides stored messages from it: then gaps cannot be known.
        if (!isBlind && HasGap(after, oldest, newest, isOldestExpired))
        {
            return new ChannelPage([], after!.Value, IsComplete: false, HasGap: true, dependsOnClaims);
        }

        await reader.NextResultAsync(cancellationToken);
        var messages = new List<ChannelMessage>();
        var bytes = 0;
        while (bytes < maxBytes && await reader.ReadAsync(cancellationToken))
        {
            var message = new ChannelMessage(
                reader.GetInt64(0), reader.GetString(1), await reader.IsDBNullAsync(2, cancellationToken) ? null : reader.GetString(2),
                reader.GetString(3), reader.GetFieldValue<DateTimeOffset>(4));
            messages.Add(message);
            bytes += message.Name.Length + (message.Data?.Length ?? 0) + message.Headers.Length;
        }

        var isComplete = bytes < maxBytes && messages.Count < maxMessages;
        var last = messages.Count > 0 ? messages[^1].Id : after ?? 0;
        return new ChannelPage(messages, isComplete && newest > last ? newest.Value : last, isComplete, HasGap: false, dependsOnClaims);
    }

    /// <remarks>A reader at 0 found the channel empty. It has a gap when the oldest message now may be one that a sweep has left.</remarks>
    private static bool HasGap(long? after, long? oldest, long? newest, bool isOldestExpired) => after switch
    {
        null => false,
        0 => isOldestExpired,
        { } position => newest is null || position > newest || position < oldest,
    };

    private async Task<StoreFailure?> TryStoreAsync(
        string channel, IReadOnlyList<ChannelMessage> messages, CancellationToken cancellationToken)
    {
        try
        {
            await using var command = database.CreateCommand(Store);
            command.Parameters.Add(new() { Value = channel });
            command.Parameters.Add(new() { Value = messages.Select(message => message.Id).ToArray() });
            command.Parameters.Add(new() { Value = messages.Select(message => message.Name).ToArray() });
            command.Parameters.Add(new() { Value = messages.Select(message => message.Data).ToArray() });
            command.Parameters.Add(new() { Value = messages.Select(message => message.Headers).ToArray() });
            command.Parameters.Add(new() { Value = Notification });
            command.Parameters.Add(new() { Value = WakeUpOf(channel) });
            await command.ExecuteNonQueryAsync(cancellationToken);
            return null;
        }
        catch (Exception exception) when (ChannelFailures.IsOfDatabase(exception) && !cancellationToken.IsCancellationRequested)
        {
            return ChannelFailures.OfStoring(exception);
        }
    }
}
