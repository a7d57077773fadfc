using Npgsql;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Embedded;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Databases;

/// <summary>The database that the engine serves: the configured one, or an embedded one that this object keeps running.</summary>
sealed class MainDatabase : IAsyncDisposable
{
    private MainDatabase(NpgsqlConnectionStringBuilder address, string origin, EmbeddedPostgres? embedded, bool isFallback = false)
    {
        Address = address;
        Origin = origin;
        Embedded = embedded;
        IsFallback = isFallback;
    }

    /// <summary>The address with the session settings applied, for query and replication connections alike.</summary>
    public NpgsqlConnectionStringBuilder Address { get; }

    /// <summary>The key that gave the address, for errors.</summary>
    public string Origin { get; }

    /// <summary>Null when a database is configured. Its <see cref="EmbeddedPostgres.ConnectionUrl"/> is what the host prints.</summary>
    public EmbeddedPostgres? Embedded { get; }

    /// <summary>
    /// True for the database of another part's configuration. No option asks for live queries over it, so they are on only where it can
    /// stream.
    /// </summary>
    public bool IsFallback { get; }

    /// <param name="fallbackAddress">The address in a replaced tool's configuration, used when none of our own is given.</param>
    /// <param name="start">Starts the embedded server, or attaches to one that another process runs.</param>
    /// <exception cref="OperatorException">An address that cannot be read, or an embedded server that does not start.</exception>
    public static async Task<MainDatabase> OpenAsync(
        IConfiguration configuration,
        string contentRoot,
        string? fallbackAddress,
        Func<EmbeddedPostgresOptions, Task<EmbeddedPostgres>> start)
    {
        var options = OptionsReader.Database(configuration);
        (string? Address, string Origin)[] given =
        [
            (options.Url, $"{DatabaseOptions.Section}:{nameof(DatabaseOptions.Url)} (--database)"),
            (configuration["DATABASE_URL"], "DATABASE_URL"),
        ];
        if (given.FirstOrDefault(one => !string.IsNullOrWhiteSpace(one.Address)) is { Address: { } configured, Origin: var key })
        {
            return new MainDatabase(Prepare(DatabaseAddress.Parse(configured, key), options), key, embedded: null);
        }

        if (!string.IsNullOrWhiteSpace(fallbackAddress))
        {
            var origin = AdbcSource.NameOf(OutboxSettings.DatabaseKey, configuration);
            var fallback = Prepare(DatabaseAddress.Parse(fallbackAddress, origin), options);
            return new MainDatabase(fallback, origin, embedded: null, isFallback: true);
        }

        var embedded = await start(OptionsReader.Embedded(configuration, contentRoot));
        return new MainDatabase(Prepare(DatabaseAddress.Parse(embedded.ConnectionUrl), options), "SyncEngine:EmbeddedPostgres", embedded);
    }

    public async ValueTask DisposeAsync()
    {
        if (Embedded is not null)
        {
            await Embedded.DisposeAsync();
        }
    }

    /// <summary>Gives an address the settings that every connection of the engine has.</summary>
    public static NpgsqlConnectionStringBuilder Prepare(NpgsqlConnectionStringBuilder address, DatabaseOptions options)
    {
        SessionSettings.Apply(address);
        address.ApplicationName ??= "syncengine";
        address.MaxPoolSize = options.MaxConnections;
        address.IncludeErrorDetail = false;
        return address;
    }
}
