using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Targets;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;
using Xunit;

namespace SyncEngine.IntegrationTests.Connectors.Hub;

/// <summary>A database with the table of channels, and a target that stores there.</summary>
public sealed class HubDatabase(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly List<string> roles = [];
    private readonly List<NotificationListener> listeners = [];
    private int channels;

    public static readonly string Sql = SqlScripts.Read("sync/schema.sql") + SqlScripts.Read("outbox/channel_messages.sql");

    public TestDatabase Database { get; private set; } = null!;

    public HubTarget Target { get; private set; } = null!;

    public ChannelMessages Messages { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Database = await postgres.CreateDatabaseAsync();
        await Database.ExecuteAsync(Sql);
        Messages = Over(Database.DataSource);
        Target = new HubTarget(Messages, TimeProvider.System);
    }

    public static ChannelMessages Over(NpgsqlDataSource source, TimeSpan? retention = null) =>
        new(source, new QuerySessionOptions(), retention ?? TimeSpan.FromMinutes(10));

    public ChannelFeed Feed(NpgsqlDataSource? source = null, TimeSpan? recheck = null, int streams = 1000) =>
        new(
            Over(source ?? Database.DataSource),
            Listener(source ?? Database.DataSource),
            recheck is { } interval ? new ChannelFeedOptions(streams, 4) { Recheck = interval } : new ChannelFeedOptions(streams, 4),
            TimeProvider.System);

    /// <summary>A listener whose session has the name of the source's other sessions.</summary>
    private NotificationListener Listener(NpgsqlDataSource source)
    {
        var defaults = new NotificationListenerOptions();
        var name = new NpgsqlConnectionStringBuilder(source.ConnectionString).ApplicationName ?? defaults.ApplicationName;
        var options = defaults with { ApplicationName = name };
        var listener = new NotificationListener(source, options, TimeProvider.System, NullLogger<NotificationListener>.Instance);
        listeners.Add(listener);
        return listener;
    }

    public string NewChannel() => $"channel {Interlocked.Increment(ref channels).ToString(CultureInfo.InvariantCulture)}";

    public async Task PublishAsync(string channel, params int[] ids)
    {
        foreach (var chunk in ids.Chunk(Target.MessagesPerCall))
        {
            Assert.Equal(
                new PublishResult(chunk.Length),
                await Target.PublishAsync([.. chunk.Select(id => Message(channel, id))], CancellationToken.None));
        }
    }

    /// <summary>Makes messages older than the retention, and sweeps.</summary>
    public async Task ExpireAsync(string channel, int upTo)
    {
        await Database.ExecuteAsync(
            $"UPDATE sync.channel_messages SET time = now() - interval '1 hour' WHERE channel = '{channel}' AND id <= {upTo}");
        Assert.Null(await Messages.SweepAsync(CancellationToken.None));
    }

    public async Task<string> CreateRoleAsync(string name)
    {
        var role = $"{Database.Name}_{name}";
        await Database.ExecuteAsync($"DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD '{TestDatabase.RolePassword}'");
        roles.Add(role);
        return role;
    }

    public Task<string?> StoredAsync(string channel) =>
        Database.ScalarAsync<string>(
            $"SELECT string_agg(id::text, ',' ORDER BY id) FROM sync.channel_messages WHERE channel = '{channel}'");

    public static OutboundMessage Message(string channel, int id, string? data = "{\"a\":1}") =>
        new(channel, id.ToString(CultureInfo.InvariantCulture), "name", data, "{}");

    public async ValueTask DisposeAsync()
    {
        await Target.DisposeAsync();
        foreach (var listener in listeners)
        {
            await listener.DisposeAsync();
        }

        foreach (var role in roles)
        {
            await Database.ExecuteAsync($"DROP OWNED BY {role}; DROP ROLE {role}");
        }

        await Database.DisposeAsync();
    }
}
