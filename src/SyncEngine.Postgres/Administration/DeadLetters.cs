using System.Runtime.CompilerServices;
using Dapper;
using Npgsql;
using SyncEngine.Postgres.Outbox;

namespace SyncEngine.Postgres.Administration;

/// <summary>A choice of dead letters; null accepts any.</summary>
public sealed record DeadLetterFilter(long? Id = null, string? Channel = null, string? Code = null)
{
    /// <summary>A sentence's end: <c> has id 1 and channel "c"</c>; empty for any letter.</summary>
    public override string ToString()
    {
        string[] parts =
            [Id is null ? "" : $"id {Id}", Channel is null ? "" : $"channel \"{Channel}\"", Code is null ? "" : $"code \"{Code}\""];
        return string.Join(" and ", parts.Where(part => part.Length > 0)) is { Length: > 0 } text ? $" has {text}" : "";
    }
}

/// <summary>Messages that their target refused for good, and the way back: into the outbox they came from, under a fresh id.</summary>
public sealed class DeadLetters(NpgsqlDataSource dataSource, OutboxNames names)
{
    /// <summary>Puts letters back, oldest first, one transaction each: an interruption leaves each in one place or the other.</summary>
    public async IAsyncEnumerable<Finding> ReplayAsync(
        DeadLetterFilter filter, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var ids = (await connection.QueryAsync<long>(new CommandDefinition(
            """
            SELECT id FROM sync.dead_letters
            WHERE source = @Outbox AND (@Id::bigint IS NULL OR id = @Id) AND (@Code::text IS NULL OR code = @Code)
                AND (@Channel::text IS NULL OR substring(target FROM position(':' IN target) + 1) = @Channel)
            ORDER BY id
            """,
            new { names.Outbox, filter.Id, filter.Code, filter.Channel },
            cancellationToken: cancellationToken))).AsList();
        if (ids.Count == 0)
        {
            yield return new Finding(FindingKind.Note, $"no dead letter of {names.Outbox}{filter}");
            yield break;
        }

        var replayed = 0;
        foreach (var id in ids)
        {
            if (await ReplayAsync(connection, id, cancellationToken) is { } finding)
            {
                replayed += finding.Kind == FindingKind.Done ? 1 : 0;
                yield return finding;
            }
        }

        yield return new Finding(FindingKind.Good, $"{replayed} of {ids.Count} dead letters are in {names.Outbox} again");
    }

    /// <returns>Null when another command has taken the letter meanwhile.</returns>
    private async Task<Finding?> ReplayAsync(NpgsqlConnection connection, long id, CancellationToken cancellationToken)
    {
        try
        {
            // One statement, so one transaction. JSON's null becomes an empty column: a row as JSON has no difference between the two.
            var row = await connection.QuerySingleOrDefaultAsync<(long SequenceId, string Channel)?>(new CommandDefinition(
                $"""
                WITH letter AS (DELETE FROM sync.dead_letters WHERE id = @id RETURNING payload::jsonb AS content)
                INSERT INTO {names.Outbox} (mutation_id, channel, name, rejected, data, headers)
                SELECT content->>'mutation_id', content->>'channel', content->>'name', coalesce((content->>'rejected')::boolean, false),
                    nullif(content->'data', 'null'), nullif(content->'headers', 'null')
                FROM letter
                RETURNING sequence_id::bigint, channel
                """,
                new { id },
                cancellationToken: cancellationToken));
            return row is { } back
                ? new Finding(FindingKind.Done, $"dead letter {id} is row {back.SequenceId} of {names.Outbox}, channel \"{back.Channel}\"")
                : null;
        }
        catch (PostgresException unreadable) when (unreadable.SqlState[..2] is "22" or "23")
        {
            return new Finding(
                FindingKind.Missing,
                $"dead letter {id} cannot be put back: its payload is not a row of {names.Outbox} (SQLSTATE {unreadable.SqlState})");
        }
    }
}
