using Dapper;
using Npgsql;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// The backend of an optimistic client, for the playground: a message is written and confirmed in one transaction, or refused.
/// </summary>
public sealed class DemoWrites(NpgsqlDataSource dataSource)
{
    public const int LongestBody = 500;

    /// <summary>The lobby of the demo's chat.</summary>
    public const int Room = 1;

    /// <summary>
    /// Writes the message and its confirmation in one transaction. Old messages are deleted with it, as <see cref="DemoActivity"/> does.
    /// </summary>
    public async Task WriteAsync(string mutationId, string body, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        const string Sql = """
            DELETE FROM public.messages WHERE id IN (SELECT id FROM public.messages ORDER BY id DESC OFFSET @Kept);
            INSERT INTO public.messages (room_id, author, body) VALUES (@Room, 'You', @body);
            SELECT sync.ack(@mutationId)
            """;
        await connection.ExecuteAsync(new CommandDefinition(
            Sql, new { mutationId, body, Room, Kept = DemoActivity.MostMessages - 1 }, transaction, cancellationToken: cancellationToken));
        await transaction.CommitAsync(cancellationToken);
    }

    public async Task RejectAsync(string mutationId, string reason, CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        await connection.ExecuteAsync(new CommandDefinition(
            "SELECT sync.reject(@mutationId, @reason)", new { mutationId, reason }, cancellationToken: cancellationToken));
    }
}
