using Npgsql;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Benchmarks.Outbox;

/// <summary>An outbox with its nodes, progress and dead letters, created by the scripts that setup runs; and a table beside it for the bare measure.</summary>
internal sealed class OutboxRows(string connectionString)
{
    /// <summary>Rows of this table notify with their number, and no node publishes them from the database.</summary>
    public const string BareChannel = "bare_outbox";

    private const string Data = """{"room": 42, "body": "some words that a person wrote"}""";

    private static readonly string[] scripts = ["sync/schema.sql", "outbox/outbox.sql", "outbox/nodes.sql", "outbox/notify.sql", "outbox/trigger.sql", "outbox/progress.sql", "outbox/dead_letters.sql"];

    private static readonly Dictionary<string, string> names = new(StringComparer.Ordinal)
    {
        ["outbox_schema"] = "public",
        ["outbox_table"] = "outbox",
        ["outbox_notify"] = "outbox_notify",
        ["outbox_trigger"] = "public_outbox_trigger",
        ["nodes_schema"] = "public",
        ["nodes_table"] = "nodes",
    };

    public const string Insert = "INSERT INTO public.outbox (mutation_id, channel, name, data, headers) VALUES ($1, $2, $1, $3::jsonb, '{\"source\": \"benchmark\"}')";

    public const string InsertBare = "INSERT INTO public.bare (name, channel, data) VALUES ($1, $2, $3::jsonb)";

    public string ConnectionString => connectionString;

    /// <summary>Empty, and as new: what an earlier run has left in the files is gone.</summary>
    public async Task CreateAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("DROP SCHEMA IF EXISTS sync CASCADE; DROP TABLE IF EXISTS public.outbox, public.nodes, public.bare", cancellationToken);
        foreach (var script in scripts)
        {
            await ExecuteAsync(names.Aggregate(SqlScripts.Read(script), (text, name) => text.Replace($":\"{name.Key}\"", name.Value, StringComparison.Ordinal)), cancellationToken);
        }

        await ExecuteAsync(
            $"""
            CREATE TABLE public.bare (id bigserial PRIMARY KEY, name text NOT NULL, channel text NOT NULL, data jsonb);
            CREATE OR REPLACE FUNCTION public.bare_notify() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_notify('{BareChannel}', NEW.name); RETURN NULL; END $$;
            CREATE TRIGGER bare_notify AFTER INSERT ON public.bare FOR EACH ROW EXECUTE FUNCTION public.bare_notify()
            """,
            cancellationToken);
    }

    /// <summary>One commit of many rows, taking turns over the channels.</summary>
    /// <param name="channel">SQL of a row's channel; <c>n</c> is its number.</param>
    public Task FillAsync(int rows, string channel, CancellationToken cancellationToken) => ExecuteAsync(
        $$"""INSERT INTO public.outbox (mutation_id, channel, name, data, headers) SELECT n::text, {{channel}}, 'event', '{{Data}}', '{"source": "benchmark"}' FROM generate_series(1, {{rows}}) n""",
        cancellationToken);

    public async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection) { CommandTimeout = 0 };
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
