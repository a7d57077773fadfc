using System.Buffers.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;
using SyncEngine.Tests.Server;
using SyncEngine.Tests.Server.Authentication;
using Xunit;

namespace SyncEngine.IntegrationTests.Server;

/// <summary>Keys that come over HTTP and from files.</summary>
public sealed class KeySourcesTests : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private WebApplication issuer = null!;
    private string address = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRouting();
        issuer = builder.Build();
        MapDiscovery("/tenant", "/tenant", () => $"{address}/keys");
        MapDiscovery("/other", "/tenant", () => $"{address}/keys");
        MapDiscovery("/plain", "/plain", () => "http://keys.example/keys");
        issuer.MapGet("/keys", () => KeySet());
        issuer.MapGet("/moved", () => Results.Redirect("/keys"));
        issuer.MapGet("/huge", () => KeySet() + new string(' ', 1024 * 1024));
        issuer.MapGet("/text", () => "not a key set");
        await issuer.StartAsync();
        address = issuer.Urls.Single();
    }

    public async ValueTask DisposeAsync()
    {
        await issuer.StopAsync();
        await issuer.DisposeAsync();
    }

    [Fact]
    public async Task Keys_are_found_where_the_authoritys_document_says()
    {
        Assert.Equal("ada", (await ValidateAsync(new() { Authority = $"{address}/tenant" }, $"{address}/tenant")).Subject);
        await RefusedAsync(ErrorCode.Unauthenticated, new() { Authority = $"{address}/tenant" }, "https://elsewhere");
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Authority = $"{address}/other" }, $"{address}/other");
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Authority = $"{address}/plain" }, $"{address}/plain");
    }

    [Fact]
    public async Task A_key_set_comes_from_a_URL_but_not_by_a_redirect_nor_in_any_size()
    {
        Assert.Equal("ada", (await ValidateAsync(new() { Jwks = $"{address}/keys" }, "anybody")).Subject);
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Jwks = $"{address}/moved" }, "anybody");
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Jwks = $"{address}/huge" }, "anybody");
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Jwks = $"{address}/text" }, "anybody");
        await RefusedAsync(ErrorCode.SourceUnavailable, new() { Jwks = $"{address}/nowhere" }, "anybody");
    }

    [Fact]
    public async Task A_key_set_comes_from_a_file()
    {
        var folder = Directory.CreateTempSubdirectory("sync-keys-");
        var file = Path.Combine(folder.FullName, "keys.json");
        await File.WriteAllTextAsync(file, KeySet(), TestContext.Current.CancellationToken);

        Assert.Equal("ada", (await ValidateAsync(new() { Jwks = file }, "anybody")).Subject);
        await File.WriteAllTextAsync(file, "{}", TestContext.Current.CancellationToken);
        Assert.Throws<OperatorException>(() => KeySources.Changing(new() { Jwks = file }, new HttpClient()));
        folder.Delete(recursive: true);
        Assert.Throws<OperatorException>(() => KeySources.Changing(new() { Jwks = file }, new HttpClient()));
    }

    [Theory]
    [InlineData("http://issuer.example/keys")]
    [InlineData("https://")]
    public void An_address_that_anybody_could_answer_for_is_refused_at_start(string url)
    {
        Assert.Throws<OperatorException>(() => KeySources.Changing(new() { Jwks = url }, new HttpClient()));
        Assert.Throws<OperatorException>(() => KeySources.Changing(new() { Authority = url }, new HttpClient()));
    }

    private void MapDiscovery(string path, string named, Func<string> keys) => issuer.MapGet(
        $"{path}/.well-known/openid-configuration", () => $$"""{"issuer":"{{address}}{{named}}","jwks_uri":"{{keys()}}"}""");

    private async Task<Principal> ValidateAsync(AuthenticationOptions options, string tokenIssuer)
    {
        using var http = KeySources.CreateClient();
        await using var scheme = Tokens.Scheme(options, time, fetch: KeySources.Changing(options, http));
        var token = Tokens.Es256($$"""{"iss":"{{tokenIssuer}}","sub":"ada","role":"app_user"}""");
        return await scheme.ValidateAsync(token, TestContext.Current.CancellationToken);
    }

    private async Task RefusedAsync(ErrorCode code, AuthenticationOptions options, string tokenIssuer) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<SyncException>(() => ValidateAsync(options, tokenIssuer))).Code);

    private static string KeySet()
    {
        var point = Tokens.Curve.ExportParameters(includePrivateParameters: false).Q;
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        return $$"""{"keys":[{"kty":"EC","crv":"P-256","x":"{{x}}","y":"{{y}}"}]}""";
    }
}
