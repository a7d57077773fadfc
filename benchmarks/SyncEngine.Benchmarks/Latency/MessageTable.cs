using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace SyncEngine.Benchmarks.Latency;

/// <summary>The table of the measurements: 100,000 messages in 1,000 rooms, by 100,000 authors.</summary>
internal sealed class MessageTable(string connectionString)
{
    public const int Rooms = 1000;
    public const int Rows = 100_000;
    public const string OfRoom = "SELECT id, body FROM messages WHERE room_id = $1";
    public const string OfAuthor = "SELECT id, body FROM messages WHERE author_id = $1";

    public async Task CreateAsync(CancellationToken cancellationToken) => await ExecuteAsync(
        $"""
        DROP TABLE IF EXISTS messages;
        CREATE TABLE messages (id bigint PRIMARY KEY, room_id int NOT NULL, author_id int NOT NULL, body text NOT NULL, created timestamptz NOT NULL DEFAULT now());
        INSERT INTO messages SELECT i, i % {Rooms}, i, repeat('message ', 12) || i FROM generate_series(1, {Rows}) i;
        CREATE INDEX ON messages (room_id);
        CREATE INDEX ON messages (author_id);
        ANALYZE messages;
        CHECKPOINT
        """,
        cancellationToken);

    public async Task<long> CountAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT count(*) FROM messages", connection);
        return Convert.ToInt64(await command.ExecuteScalarAsync(cancellationToken), CultureInfo.InvariantCulture);
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}

/// <summary>
/// Commits single rows at a fixed rate, whether or not anybody keeps up (open loop), and notes when each commit was acknowledged.
/// </summary>
/// <remarks>Each connection has a thread, so that the time of an acknowledgement does not depend on the clients in this process.</remarks>
internal sealed class CommitWriter(string connectionString, int connections)
{
    private static int nextId = MessageTable.Rows;

    /// <summary>By id less <see cref="FirstId"/>; zero where it was not committed.</summary>
    public long[] AcknowledgedAt { get; private set; } = [];

    public int FirstId { get; private set; }

    public int Commits { get; private set; }

    /// <param name="room">Of the n-th commit; likewise <paramref name="author"/>.</param>
    public async Task RunAsync(int rate, TimeSpan duration, Func<int, int> room, Func<int, int> author, CancellationToken cancellationToken)
    {
        var count = (int)(rate * duration.TotalSeconds);
        FirstId = Interlocked.Add(ref nextId, count) - count + 1;
        AcknowledgedAt = new long[count];
        var next = -1;
        var ready = new CountdownEvent(connections);
        var began = 0L;
        var writers = Enumerable.Range(0, connections).Select(_ => Task.Factory.StartNew(Write, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        await Task.WhenAll(writers);
        Commits = count;

        void Write()
        {
            using var connection = new NpgsqlConnection(connectionString);
            connection.Open();
            using var command = new NpgsqlCommand("INSERT INTO messages (id, room_id, author_id, body) VALUES ($1, $2, $3, $4)", connection);
            var (id, roomId, authorId, body) = (new NpgsqlParameter<long>(), new NpgsqlParameter<int>(), new NpgsqlParameter<int>(), new NpgsqlParameter<string>());
            command.Parameters.AddRange(new NpgsqlParameter[] { id, roomId, authorId, body });
            command.Prepare();
            if (ready.Signal())
            {
                Volatile.Write(ref began, Stopwatch.GetTimestamp());
            }

            ready.Wait(cancellationToken);
            while (Volatile.Read(ref began) == 0)
            {
                Thread.Yield();
            }

            for (var n = Interlocked.Increment(ref next); n < count; n = Interlocked.Increment(ref next))
            {
                var due = TimeSpan.FromSeconds((double)n / rate) - Stopwatch.GetElapsedTime(Volatile.Read(ref began));
                if (due > TimeSpan.Zero)
                {
                    cancellationToken.WaitHandle.WaitOne(due);
                }

                cancellationToken.ThrowIfCancellationRequested();
                id.TypedValue = FirstId + n;
                roomId.TypedValue = room(n);
                authorId.TypedValue = author(n);
                body.TypedValue = $"a message of about the length that messages have, number {n}; it is sent to everyone in the room";
                command.ExecuteNonQuery();
                AcknowledgedAt[n] = Stopwatch.GetTimestamp();
            }
        }
    }
}
