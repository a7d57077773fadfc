using System.Runtime.CompilerServices;
using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Hosting;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Commands;

/// <summary>The configured parts that keep something in a database, with their connections, for one command.</summary>
sealed class DatabaseParts : IAsyncDisposable
{
    private readonly NpgsqlDataSource main;
    private readonly OutboxDatabase? outbox;

    private DatabaseParts(NpgsqlDataSource main, OutboxDatabase? outbox, IReadOnlyList<IInstallation> installations)
    {
        this.main = main;
        this.outbox = outbox;
        Installations = installations;
    }

    /// <summary>The engine's own first.</summary>
    public IReadOnlyList<IInstallation> Installations { get; }

    /// <summary>Null where no outbox is configured.</summary>
    public IInstallation? Outbox { get; private init; }

    /// <summary>Null where no outbox is configured.</summary>
    public DeadLetters? DeadLetters { get; private init; }

    public static DatabaseParts Open(IConfiguration configuration, MainDatabase database, OutboxSettings? settings, Func<IConfiguration, NpgsqlDataSource, IEnumerable<IInstallation>> further)
    {
        var main = NpgsqlDataSource.Create(database.Address);
        var replication = OptionsReader.Replication(configuration);
        if (settings is null)
        {
            return new DatabaseParts(main, outbox: null, [new DatabaseInstallation(main, replication), .. further(configuration, main)]);
        }

        var outbox = OutboxDatabase.Open(settings, configuration, database.Address, main);
        IInstallation engine = new DatabaseInstallation(main, replication, outbox.IsMain ? settings.Names : null);
        var installation = new LocatedInstallation(
            new OutboxInstallation(outbox.DataSource, settings.Names, settings.Options.FixedRate, settings.UsesHub),
            $"outbox {settings.Names.Outbox}",
            outbox.Address,
            settings.Address is null ? database.Origin : settings.AddressOrigin);
        return new DatabaseParts(main, outbox, [database.IsFallback ? new LiveQueriesAsABonus(engine) : engine, installation, .. further(configuration, main)])
        {
            Outbox = installation,
            DeadLetters = new DeadLetters(outbox.DataSource, settings.Names),
        };
    }

    public async ValueTask DisposeAsync()
    {
        if (outbox is not null)
        {
            await outbox.DisposeAsync();
        }

        await main.DisposeAsync();
    }

    /// <summary>Over a database that was configured for another part: what live queries lack is worth a note, and what the role may not do for them stops nobody.</summary>
    private sealed class LiveQueriesAsABonus(IInstallation engine) : IInstallation
    {
        public IAsyncEnumerable<Finding> CheckAsync(CancellationToken cancellationToken) => NotedAsync(engine.CheckAsync(cancellationToken), cancellationToken);

        public IAsyncEnumerable<Finding> InstallAsync(CancellationToken cancellationToken) => NotedAsync(engine.InstallAsync(cancellationToken), cancellationToken);

        public IAsyncEnumerable<Finding> UninstallAsync(CancellationToken cancellationToken) => NotedAsync(engine.UninstallAsync(cancellationToken), cancellationToken);

        private static async IAsyncEnumerable<Finding> NotedAsync(IAsyncEnumerable<Finding> findings, [EnumeratorCancellation] CancellationToken cancellationToken)
        {
            await using var each = findings.GetAsyncEnumerator(cancellationToken);
            while (true)
            {
                Finding finding;
                try
                {
                    if (!await each.MoveNextAsync())
                    {
                        yield break;
                    }

                    finding = each.Current;
                }
                catch (PostgresException refused) when (refused.SqlState == PostgresErrorCodes.InsufficientPrivilege)
                {
                    finding = new Finding(FindingKind.Note, $"live queries are off: {refused.MessageText}");
                }

                yield return finding.Kind == FindingKind.Missing ? finding with { Kind = FindingKind.Note, Text = $"for live queries: {finding.Text}" } : finding;
            }
        }
    }
}
