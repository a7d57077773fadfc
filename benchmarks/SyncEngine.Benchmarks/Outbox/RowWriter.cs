using System.Diagnostics;
using System.Globalization;
using Npgsql;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>Commits single rows at a fixed rate, whether or not anybody keeps up (open loop), and notes when each commit was acknowledged.</summary>
/// <remarks>Each connection has a thread, so that the time of an acknowledgement does not depend on what else this process does. A row's name is its number.</remarks>
internal sealed class RowWriter(string connectionString, string insert, Func<int, string> channel)
{
    /// <summary>Acknowledgements by number.</summary>
    public async Task<DateTimeOffset[]> RunAsync(int rate, int count, int connections, CancellationToken cancellationToken)
    {
        var acknowledged = new DateTimeOffset[count];
        var next = -1;
        using var ready = new Barrier(connections);
        await Task.WhenAll(Enumerable.Range(0, connections).Select(_ => Task.Factory.StartNew(Write, cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
        return acknowledged;

        void Write()
        {
            using var connection = new NpgsqlConnection(connectionString);
            connection.Open();
            using var command = Command(connection, insert);
            ready.SignalAndWait(cancellationToken);
            var began = Stopwatch.GetTimestamp();
            for (var n = Interlocked.Increment(ref next); n < count; n = Interlocked.Increment(ref next))
            {
                var due = TimeSpan.FromSeconds((double)n / rate) - Stopwatch.GetElapsedTime(began);
                if (due > TimeSpan.Zero)
                {
                    cancellationToken.WaitHandle.WaitOne(due);
                }

                cancellationToken.ThrowIfCancellationRequested();
                Set(command, n, channel(n));
                command.ExecuteNonQuery();
                acknowledged[n] = TimeProvider.System.GetUtcNow();
            }
        }
    }

    public static NpgsqlCommand Command(NpgsqlConnection connection, string insert)
    {
        var command = new NpgsqlCommand(insert, connection);
        command.Parameters.AddRange(new NpgsqlParameter[] { new NpgsqlParameter<string>(), new NpgsqlParameter<string>(), new NpgsqlParameter<string> { TypedValue = """{"room": 42, "body": "some words that a person wrote"}""" } });
        command.Prepare();
        return command;
    }

    public static void Set(NpgsqlCommand command, int number, string channel)
    {
        ((NpgsqlParameter<string>)command.Parameters[0]).TypedValue = number.ToString(CultureInfo.InvariantCulture);
        ((NpgsqlParameter<string>)command.Parameters[1]).TypedValue = channel;
    }
}
