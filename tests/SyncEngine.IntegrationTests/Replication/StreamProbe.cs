using System.Text;
using Microsoft.Extensions.Logging;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Ports;
using SyncEngine.Postgres.Replication;
using Xunit;

namespace SyncEngine.IntegrationTests.Replication;

/// <summary>One transaction as a test reads it: each change as a line of text.</summary>
public sealed record SeenTransaction(
    ulong Xid, Lsn CommitLsn, Lsn EndLsn, IReadOnlyList<uint> Touched, long WatchVersion, IReadOnlyList<string> Changes, bool WasSpilled);

/// <summary>
/// A running source with a table space, publication and consumer of its own. It keeps every event, decoded, and drops what it made in the
/// database.
/// </summary>
public sealed class StreamProbe : IAsyncDisposable
{
    private static readonly TimeSpan timeout = TimeSpan.FromSeconds(10);

    private readonly ReplicationDatabase server;
    private readonly CancellationTokenSource stop = new();
    private readonly RelationMap relations = new();
    private Task running = Task.CompletedTask;

    private readonly bool ownsSchema;

    private StreamProbe(ReplicationDatabase server, string name, bool ownsSchema)
    {
        this.ownsSchema = ownsSchema;
        this.server = server;
        Name = name;
    }

    /// <summary>Of the schema and the publication.</summary>
    public string Name { get; }

    public ReplicationSource Source { get; private set; } = null!;

    public RelationMap Relations => relations;

    public CapturingLogger Log { get; } = new();

    public Lsn LastPosition { get; private set; }

    public static async Task<StreamProbe> StartAsync(
        ReplicationDatabase server, string tables, Func<ReplicationSourceOptions, ReplicationSourceOptions>? configure = null,
        bool watchAll = true)
    {
        var probe = new StreamProbe(server, $"t_{Guid.NewGuid():N}"[..20], ownsSchema: true);
        await server.ExecuteAsync(
            $"CREATE SCHEMA {probe.Name}; SET search_path = {probe.Name}; {tables}; "
                + $"CREATE PUBLICATION {probe.Name} FOR TABLES IN SCHEMA {probe.Name}");
        await probe.BeginAsync(configure, watchAll);
        return probe;
    }

    public static Task<StreamProbe> StartPersistentAsync(ReplicationDatabase server, string tables) =>
        StartAsync(server, tables, o => o with { IsPersistent = true, SlotName = $"{o.Publication}" });

    /// <summary>
    /// Another consumer of the same schema and publication, as a second process would be; started by <see cref="BeginAsync"/>.
    /// </summary>
    public StreamProbe Again() => new(server, Name, ownsSchema: false);

    /// <summary>Starts a source, or another after <see cref="StopAsync"/>.</summary>
    public async Task BeginAsync(Func<ReplicationSourceOptions, ReplicationSourceOptions>? configure = null, bool watchAll = true)
    {
        var options = new ReplicationSourceOptions
        {
            ConnectionString = server.ConnectionString,
            Publication = Name,
            MonitorInterval = TimeSpan.FromMilliseconds(200),
            FeedbackInterval = TimeSpan.FromMilliseconds(200),
        };
        Source = new ReplicationSource(configure?.Invoke(options) ?? options, TimeProvider.System, Log);
        if (watchAll)
        {
            Source.Watch(await OidsAsync());
        }

        running = Source.RunAsync(stop.Token);
    }

    public async Task<uint[]> OidsAsync() => await server.ScalarAsync<uint[]>(
        $"SELECT coalesce(array_agg(oid ORDER BY relname), '{{}}') FROM pg_class WHERE relnamespace = '{Name}'::regnamespace AND "
            + "relkind IN ('r', 'p')");

    public Task ExecuteAsync(string sql) => server.ExecuteAsync($"SET search_path = {Name}; {sql}");

    public async Task<SourceEvent.Started> StartedAsync() => (SourceEvent.Started)await NextAsync(e => e is SourceEvent.Started);

    public async Task<SourceEvent.Interrupted> InterruptedAsync() =>
        (SourceEvent.Interrupted)await NextAsync(e => e is SourceEvent.Interrupted);

    public async Task<SourceEvent.Message> MessageAsync() => (SourceEvent.Message)await NextAsync(e => e is SourceEvent.Message);

    public async Task PositionAsync(Lsn atLeast)
    {
        while (LastPosition < atLeast)
        {
            await NextAsync(_ => true);
        }
    }

    /// <summary>The next transaction; an interruption on the way is a failure.</summary>
    public async Task<SeenTransaction> TransactionAsync()
    {
        var happened = await NextAsync(e => e is SourceEvent.Transaction or SourceEvent.Interrupted);
        if (happened is SourceEvent.Interrupted interrupted)
        {
            throw new InvalidOperationException(interrupted.Reason);
        }

        using var committed = ((SourceEvent.Transaction)happened).Committed;
        return Decode(committed);
    }

    /// <summary>The next event that fits; positions and transactions passed over are seen to, others fail.</summary>
    public async Task<SourceEvent> NextAsync(Func<SourceEvent, bool> fits)
    {
        using var limit = new CancellationTokenSource(timeout);
        while (true)
        {
            SourceEvent happened;
            try
            {
                happened = await Source.Events.ReadAsync(limit.Token);
            }
            catch (OperationCanceledException exception)
            {
                throw new TimeoutException(
                    $"nothing that fits came; {Source.Status}; logged: {string.Join(" | ", Log.Entries)}", exception);
            }

            switch (happened)
            {
                case SourceEvent.Started:
                    relations.Clear();
                    break;
                case SourceEvent.Position position:
                    Assert.True(position.Lsn > LastPosition, $"{position.Lsn} after {LastPosition}");
                    LastPosition = position.Lsn;
                    break;
                case SourceEvent.Transaction transaction:
                    Assert.True(transaction.Committed.EndLsn > LastPosition, $"{transaction.Committed.EndLsn} after {LastPosition}");
                    LastPosition = transaction.Committed.EndLsn;
                    break;
            }

            if (fits(happened))
            {
                return happened;
            }

            Assert.True(happened is SourceEvent.Position or SourceEvent.Transaction, $"unexpected {happened}");
            if (happened is SourceEvent.Transaction passed)
            {
                Decode(passed.Committed);
                passed.Committed.Dispose();
            }
        }
    }

    public async Task StopAsync()
    {
        await stop.CancelAsync();
        await running;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        stop.Dispose();
        if (!ownsSchema)
        {
            return;
        }

        await server.ExecuteAsync(
            $"""
            DROP PUBLICATION IF EXISTS {Name};
            SET client_min_messages = warning;
            DROP SCHEMA {Name} CASCADE;
            SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = '{Name}'
            """);
    }

    private SeenTransaction Decode(CommittedTransaction committed)
    {
        var changes = new List<string>();
        var chunks = 0;
        foreach (var chunk in committed.Chunks)
        {
            chunks++;
            var reader = new ChangeReader(chunk.Span, relations);
            while (reader.Read())
            {
                changes.Add(Describe(reader));
            }
        }

        return new SeenTransaction(
            committed.Xid, committed.CommitLsn, committed.EndLsn, committed.Touched, committed.WatchVersion, changes, chunks > 1);
    }

    private static string Describe(ChangeReader change) => change.Kind switch
    {
        ChangeKind.Relation =>
            $"relation {change.Relation.Name}({string.Join(' ', change.Relation.Columns.Select(c => c.IsKey ? c.Name + "!" : c.Name))}) "
                + $"{change.Relation.Identity}",
        ChangeKind.Insert => $"insert {change.Relation.Name} {Row(change.New)}",
        ChangeKind.Update when change.OldKind == OldTupleKind.None => $"update {change.Relation.Name} {Row(change.New)}",
        ChangeKind.Update => $"update {change.Relation.Name} {change.OldKind} {Row(change.Old)} -> {Row(change.New)}",
        ChangeKind.Delete => $"delete {change.Relation.Name} {change.OldKind} {Row(change.Old)}",
        ChangeKind.Truncate => $"truncate {change.Truncate.Count} {change.Truncate.Options}",
        ChangeKind.Message => $"message {Encoding.UTF8.GetString(change.Message.Prefix)} {Encoding.UTF8.GetString(change.Message.Content)}",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string Row(TupleData tuple)
    {
        var slices = new ColumnSlice[tuple.ColumnCount];
        tuple.Locate(slices);
        var text = new StringBuilder("(");
        foreach (var slice in slices)
        {
            text.Append(text.Length > 1 ? "," : "").Append(slice.Kind switch
            {
                ColumnKind.Null => "NULL",
                ColumnKind.Unchanged => "unchanged",
                _ => Encoding.UTF8.GetString(tuple.Text(slice)),
            });
        }

        return text.Append(')').ToString();
    }
}

/// <summary>Keeps what was logged, for tests that are about it.</summary>
public sealed class CapturingLogger : ILogger<ReplicationSource>
{
    private readonly System.Collections.Concurrent.ConcurrentQueue<(LogLevel Level, string Text)> entries = new();

    public IReadOnlyCollection<(LogLevel Level, string Text)> Entries => entries;

    public IDisposable? BeginScope<TState>(TState state)
        where TState : notnull => null;

    public bool IsEnabled(LogLevel logLevel) => true;

    public void Log<TState>(
        LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
        entries.Enqueue((logLevel, formatter(state, exception)));
}
