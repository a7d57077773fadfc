using System.Net;
using System.Text.Json;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.SignalR.Client;
using Microsoft.Extensions.DependencyInjection;

namespace SyncEngine.IntegrationTests.Client;

/// <summary>A connection to the hub <c>/sync</c>: its methods as docs/PROTOCOL.md, section 5.1, names them, frames as they came.</summary>
public sealed class SyncHubClient : IAsyncDisposable
{
    private readonly HubConnection connection;
    private readonly WebSocketConnectionFactory transport;

    private SyncHubClient(HubConnection connection, WebSocketConnectionFactory transport)
    {
        this.connection = connection;
        this.transport = transport;
    }

    public static async Task<SyncHubClient> ConnectAsync(Uri server, string? token = null, CancellationToken cancellationToken = default)
    {
        var address = new UriBuilder(new Uri(server, "/sync"));
        address.Scheme = address.Scheme == Uri.UriSchemeHttps ? Uri.UriSchemeWss : Uri.UriSchemeWs;
        var transport = new WebSocketConnectionFactory(token);
        var builder = new HubConnectionBuilder();
        builder.Services.AddSingleton<IConnectionFactory>(transport);
        builder.Services.AddSingleton<EndPoint>(new UriEndPoint(address.Uri));
        var connection = builder.Build();
        await connection.StartAsync(cancellationToken);
        return new SyncHubClient(connection, transport);
    }

    public IAsyncEnumerable<JsonElement> StreamAsync(string subscriptionId, string? from = null, CancellationToken cancellationToken = default) =>
        connection.StreamAsync<JsonElement>("Stream", subscriptionId, from, cancellationToken);

    public IAsyncEnumerable<JsonElement> OpenAsync(CancellationToken cancellationToken = default) =>
        connection.StreamAsync<JsonElement>("Open", cancellationToken);

    public IAsyncEnumerable<JsonElement> ChannelAsync(string? name, string? from = null, CancellationToken cancellationToken = default) =>
        connection.StreamAsync<JsonElement>("Channel", name, from, cancellationToken);

    public Task AttachAsync(string subscriptionId, string? from = null, CancellationToken cancellationToken = default) =>
        connection.InvokeAsync("Attach", subscriptionId, from, cancellationToken);

    public Task DetachAsync(string subscriptionId, CancellationToken cancellationToken = default) =>
        connection.InvokeAsync("Detach", subscriptionId, cancellationToken);

    public Task AuthenticateAsync(string token, CancellationToken cancellationToken = default) =>
        connection.InvokeAsync("Authenticate", token, cancellationToken);

    public Task<JsonElement> AwaitAsync(string id, int timeoutMs, CancellationToken cancellationToken = default) =>
        connection.InvokeAsync<JsonElement>("Await", id, timeoutMs, cancellationToken);

    /// <summary>Breaks the line as a lost network does.</summary>
    public void Break() => transport.Break();

    public ValueTask DisposeAsync() => connection.DisposeAsync();
}
