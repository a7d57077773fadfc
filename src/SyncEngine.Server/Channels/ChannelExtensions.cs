using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http.Features;
using Npgsql;
using SyncEngine.Connectors.Hub;
using SyncEngine.Connectors.Outbox;
using SyncEngine.Observability;
using SyncEngine.Postgres.Channels;
using SyncEngine.Postgres.Notifications;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Endpoints;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Channels;

/// <summary>What composes the hub's channels into the host.</summary>
static class ChannelExtensions
{
    /// <param name="database">Where the outbox is, and so what the hub target keeps.</param>
    public static IServiceCollection AddChannels(this IServiceCollection services, IConfiguration configuration, NpgsqlDataSource database) => services
        .AddSingleton(provider => new ChannelMessages(
            database,
            provider.GetRequiredService<QuerySessionOptions>(),
            (provider.GetService<OutboxOptions>() ?? OptionsBinder.Bind<OutboxOptions>(configuration, OutboxOptions.Section)).HubRetention))
        .AddSingleton(provider => new NotificationListener(
            database, new NotificationListenerOptions(), provider.GetRequiredService<TimeProvider>(), provider.GetRequiredService<ILogger<NotificationListener>>()))
        .AddSingleton(provider => FeedOptions(provider.GetRequiredService<LimitOptions>()))
        .AddSingleton<ChannelFeed>()
        .AddSingleton<ChannelDoor>();

    public static void MapChannels(this IEndpointRouteBuilder routes)
    {
        routes.MapGet("/channels/{name}/events", EventsAsync).RequirePrincipal();
        var (metrics, feed) = (routes.ServiceProvider.GetRequiredService<EngineMetrics>(), routes.ServiceProvider.GetRequiredService<ChannelFeed>());
        metrics.Gauge("sync_channel_streams", "Streams of the hub's channels that are open.", () => feed.StreamCount);
        metrics.Gauge("sync_channel_tails", "Channels that are read for open streams, once for all that may see the same.", () => feed.TailCount);
    }

    private static ChannelFeedOptions FeedOptions(LimitOptions limits) => new(limits.SubscriptionsPerPrincipal, limits.ConcurrentReads);

    /// <summary>GET /channels/{name}/events: the frames as Server-Sent Events. event = the frame's type, id = that of the last message.</summary>
    private static async Task EventsAsync(HttpContext context, ChannelDoor door, TimeProvider time)
    {
        var name = NameIn(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        await using var frames = door.FramesAsync(context.GetPrincipal(), name, EventStream.ResumeIdOf(context.Request), context.RequestAborted).GetAsyncEnumerator(context.RequestAborted);
        // A refusal is the answer to the request, so the first frames are awaited before the response begins; there are always some, if only "live".
        if (await frames.MoveNextAsync())
        {
            await EventStream.WriteAsync(context, RestAsync(frames), CancellationToken.None, time);
        }
    }

    private static async IAsyncEnumerable<ServerEvent> RestAsync(IAsyncEnumerator<ChannelFrame[]> frames, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        do
        {
            foreach (var frame in frames.Current)
            {
                cancellationToken.ThrowIfCancellationRequested();
                yield return new ServerEvent(frame.Frame, frame.ResumeId);
            }
        }
        while (await frames.MoveNextAsync());
    }

    /// <summary>As it was sent: the path as the server gives it has decoded everything but %2F, so that "a/b" and "a%2Fb" could not be told apart.</summary>
    internal static string NameIn(string target) => Uri.UnescapeDataString(target.Split('?')[0].TrimEnd('/').Split('/')[^2]);
}
