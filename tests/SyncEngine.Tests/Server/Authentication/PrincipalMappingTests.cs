using System.Security.Claims;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Authentication;

/// <summary>Identities of schemes other than the bearer token, such as cookies and client certificates.</summary>
public sealed class PrincipalMappingTests
{
    private static readonly DateTimeOffset end = new(2026, 11, 20, 13, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Claims_become_JSON_with_one_member_per_type_and_lists_for_several()
    {
        var principal = await MapAsync(
            new(),
            new("iss", "https://issuer"),
            new("sub", "ada"),
            new("role", "app_user"),
            new("tenant", "7", ClaimValueTypes.Integer32),
            new("isAdmin", "true", ClaimValueTypes.Boolean),
            new("groups", "a"),
            new("groups", "b"));

        const string Claims = """{"iss":"https://issuer","sub":"ada","role":"app_user","tenant":7,"isAdmin":true,"groups":["a","b"]}""";
        Assert.Equal(new Principal("https://issuer", "ada", "app_user", Claims, end), principal);
    }

    [Fact]
    public async Task The_name_identifier_of_dotnet_is_a_subject_and_the_role_claim_is_configured()
    {
        var principal = await MapAsync(
            new() { RoleClaim = ClaimTypes.Role }, new(ClaimTypes.NameIdentifier, "ada"), new(ClaimTypes.Role, "app_user"));

        Assert.Equal((null, "ada", "app_user"), (principal.Issuer, principal.Subject, principal.Role));
    }

    [Fact]
    public async Task An_identity_has_one_role_or_the_default_one()
    {
        Assert.Equal("web", (await MapAsync(new() { DefaultRole = "web" }, new Claim("sub", "ada"))).Role);
        await RefusedAsync(new(), new Claim("sub", "ada"));
        await RefusedAsync(new() { DefaultRole = "web" }, new("role", "app_user"), new("role", "admin"));
        await RefusedAsync(new(), new Claim("role", "root"));
    }

    [Fact]
    public void A_host_without_cookies_generates_no_keys_for_them()
    {
        var services = new ServiceCollection().AddSyncAuthentication(new(), fetch: null, isEmbedded: true);
        Assert.Equal(
            [typeof(AuthenticationNotice)],
            services.AddSingleton<IRoleCheck>(new Tokens.Roles()).AddSingleton<TimeProvider>(new ManualTime())
                .BuildServiceProvider().GetServices<IHostedService>().Select(service => service.GetType()));
    }

    private static async Task<Principal> MapAsync(AuthenticationOptions options, params Claim[] claims)
    {
        var mapping = new PrincipalMapping(options, new Tokens.Roles { Others = { ["root"] = RoleStatus.Superuser } });
        var user = new ClaimsPrincipal(new ClaimsIdentity(claims, "Cookies"));
        return await mapping.MapAsync(user, end, TestContext.Current.CancellationToken);
    }

    private static async Task RefusedAsync(AuthenticationOptions options, params Claim[] claims) =>
        Assert.Equal(ErrorCode.PermissionDenied, (await Assert.ThrowsAsync<SyncException>(() => MapAsync(options, claims))).Code);
}
