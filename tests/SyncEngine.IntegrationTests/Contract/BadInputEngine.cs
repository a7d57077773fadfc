using System.Collections.Concurrent;
using SyncEngine.IntegrationTests.Client;
using Xunit;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>
/// A server, as a process, that is treated badly, and a neighbour whose stream is open all the time. After every test the neighbour
/// must have missed nothing, memory must be bounded, and neither answers nor log may hold secrets.
/// </summary>
public sealed class BadInputEngine(PostgresFixture postgres) : IAsyncLifetime
{
    private const string Canary = "kanarienvogel";
    private const long MostBytes = 700L * 1024 * 1024;

    /// <summary>Words of the program, of the machine, of other tenants.</summary>
    private static readonly string[] leaks = [Canary, "   at ", "Exception", "Npgsql", "System.", "SyncEngine.", "/usr/lib", "/tmp/", "root:x:", "PostgreSQL 1", "Password="];

    private readonly ConcurrentQueue<string> heard = new();
    private ServerProcess process = null!;
    private Watch neighbour = null!;
    private int rows;

    public Engine Engine { get; private set; } = null!;

    /// <summary>The token of the client that sends bad input. It may read what the policies leave.</summary>
    public string Mallory { get; private set; } = "";

    /// <summary>A subscription of another principal.</summary>
    public SubscriptionAnswer Foreign { get; private set; } = null!;

    private string Victim { get; set; } = "";

    public async ValueTask InitializeAsync()
    {
        (Engine, process) = await Engine.StartProcessAsync(
            postgres,
            $"""
            CREATE TABLE healthy (id int4 PRIMARY KEY, note text);
            CREATE TABLE h (id int4 PRIMARY KEY, n int4 NOT NULL, note text);
            INSERT INTO h SELECT i, i, 'n' || i FROM generate_series(1, 1000) i;
            CREATE TABLE hidden (id int4 PRIMARY KEY, body text);
            INSERT INTO hidden VALUES (1, '{Canary} hidden');
            CREATE TABLE notes (id int4 PRIMARY KEY, tenant text NOT NULL, body text);
            ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
            CREATE POLICY own ON notes USING (tenant = current_setting('request.jwt.claims', true)::json ->> 'tenant');
            INSERT INTO notes VALUES (1, 'victim', '{Canary} note'), (2, 'mallory', '1');
            CREATE TABLE "we""ird.na me" ("a""b" int4 PRIMARY KEY, "SELECT" text, "c.d" text);
            INSERT INTO "we""ird.na me" VALUES (1, 'x', 'y');
            CREATE FUNCTION moody() RETURNS int VOLATILE LANGUAGE sql AS 'SELECT 1';
            CREATE SEQUENCE counter;
            """,
            $"--SyncEngine:Authentication:Secret={Token.Secret}",
            "--SyncEngine:Limits:StatementTimeout=00:00:02");
        var role = await Engine.CreateRoleAsync("reader");
        await Engine.ExecuteAsync($"GRANT SELECT ON healthy, h, notes, \"we\"\"ird.na me\" TO {role}; GRANT USAGE ON SEQUENCE counter TO {role}");
        Mallory = Token.Of(new { sub = "mallory", role, tenant = "mallory" });
        Victim = Token.Of(new { sub = "victim", role, tenant = "victim" });
        neighbour = await Engine.WatchAsync("SELECT id, note FROM healthy", token: Victim);
        Foreign = await Engine.SubscribeAsync("SELECT id, body FROM notes", token: Victim);
    }

    /// <summary>Remembers what has been answered, for the search after leaks.</summary>
    public Answer Hear(Answer answer)
    {
        heard.Enqueue(answer.Text);
        return answer;
    }

    public string Hear(string text)
    {
        heard.Enqueue(text);
        return text;
    }

    public async Task CheckAsync()
    {
        var number = Interlocked.Increment(ref rows);
        await Engine.ExecuteAsync($"INSERT INTO healthy VALUES ({number}, 'row {number}')");
        await neighbour.UntilAsync(() => neighbour.Result.Count == number, $"{number} rows at the neighbour");
        Assert.Equal(Enumerable.Range(1, number).Select(id => $"""[{id},"row {id}"]""").Order(StringComparer.Ordinal), neighbour.Rows);
        Assert.Single(neighbour.OfType("snapshot"));
        Assert.Empty(neighbour.OfType("stale"));
        Assert.Empty(neighbour.OfType("reset"));
        Assert.Equal(1, await Engine.Database.ScalarAsync<int>("SELECT count(*)::int FROM hidden"));
        while (heard.TryDequeue(out var text))
        {
            // "HubException: " is SignalR's own way to say a refusal.
            var said = text.Replace("HubException: ", "", StringComparison.Ordinal);
            Assert.True(!leaks.Any(leak => said.Contains(leak, StringComparison.Ordinal)), text);
        }

        var log = process.Output + process.Error;
        Assert.True(!((string[])[Canary, "   at ", "fail:", Mallory, Victim, Token.Secret]).Any(leak => log.Contains(leak, StringComparison.Ordinal)), log);
        Assert.True(process.ResidentBytes < MostBytes, $"{process.ResidentBytes / 1024 / 1024} MiB");
    }

    public async ValueTask DisposeAsync()
    {
        await neighbour.DisposeAsync();
        await Engine.DisposeAsync();
    }
}
