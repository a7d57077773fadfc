using System.Net;
using System.Net.Http.Headers;
using System.Security.Claims;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using SyncEngine.Errors;
using SyncEngine.Tests.Server.Authentication;
using Xunit;

namespace SyncEngine.IntegrationTests.Server;

public sealed class EdgesTests
{
    private const string Section = "SyncEngine:Authentication";

    private static readonly (string, string) secret = ($"{Section}:Secret", Tokens.Secret);
    private static readonly string token = Tokens.Hs256("""{"sub":"ada","role":"app_user"}""");

    [Fact]
    public async Task A_caller_without_a_token_is_asked_for_one()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true, secret);

        using var response = await host.Client.GetAsync("/who", Cancellation);
        await ProblemAsync(response, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("Bearer", response.Headers.WwwAuthenticate.ToString());
    }

    [Theory]
    [InlineData("Bearer")]
    [InlineData("bearer")]
    public async Task A_token_comes_in_the_header(string scheme)
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret);

        using var response = await SendAsync(host, "/who", ("Authorization", $"{scheme} {token}"));
        Assert.Equal("""{"role":"app_user","query":""}""", await response.Content.ReadAsStringAsync(Cancellation));
    }

    [Fact]
    public async Task A_token_in_the_query_is_taken_and_hidden_and_never_logged()
    {
        await using var host = await TestHost.StartAsync(
            isEmbedded: false, secret, ("Logging:LogLevel:Microsoft.AspNetCore.Hosting.Diagnostics", "Trace"));

        using var response = await host.Client.GetAsync($"/who?a=1&access_token={token}&b=2", Cancellation);
        Assert.Equal("?a=1&b=2", JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation)).GetProperty("query").GetString());
        using var refused = await host.Client.GetAsync($"/who?access_token={token}x", Cancellation);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.NotEmpty(host.Log);
        Assert.DoesNotContain(host.Log, line => line.Contains(token[^20..], StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Basic YTpi")]
    [InlineData("Bearer")]
    [InlineData("Bearer ")]
    [InlineData("Bearer a b")]
    [InlineData("Bearer not-a-token")]
    public async Task A_header_that_is_no_good_token_is_never_an_anonymous_caller(string header)
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true, secret, ($"{Section}:AnonymousRole", "anon"));

        using var response = await SendAsync(host, "/who", ("Authorization", header));
        await ProblemAsync(response, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.StartsWith("Bearer error=\"invalid_token\"", response.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        using var anonymous = await host.Client.GetAsync("/who", Cancellation);
        Assert.Contains("\"anon\"", await anonymous.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"sub":"ada"}""", HttpStatusCode.Forbidden, "permission_denied")]
    [InlineData("""{"role":"root"}""", HttpStatusCode.Forbidden, "permission_denied")]
    [InlineData("""{"role":"app_user","exp":1}""", HttpStatusCode.Unauthorized, "token_expired")]
    public async Task A_good_signature_is_not_enough(string payload, HttpStatusCode status, string code)
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret);

        using var response = await SendAsync(host, "/who", ("Authorization", $"Bearer {Tokens.Hs256(payload)}"));
        await ProblemAsync(response, status, code);
    }

    [Fact]
    public async Task A_token_is_read_only_where_a_principal_is_required()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret);

        using var response = await SendAsync(host, "/open", ("Authorization", "Bearer not-a-token"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.DoesNotContain(host.Log, line => line.Contains("the token is not accepted", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Another_scheme_of_the_framework_can_stand_in()
    {
        await using var host = await TestHost.StartAsync(
            isEmbedded: false,
            services =>
            {
                services.Configure<AuthenticationOptions>(options => options.DefaultScheme = HeaderScheme.Name);
                new AuthenticationBuilder(services).AddScheme<AuthenticationSchemeOptions, HeaderScheme>(HeaderScheme.Name, null);
            },
            secret);

        using var known = await SendAsync(host, "/who", (HeaderScheme.Name, "app_user"));
        Assert.Equal("""{"role":"app_user","query":""}""", await known.Content.ReadAsStringAsync(Cancellation));
        using var superuser = await SendAsync(host, "/who", (HeaderScheme.Name, "root"));
        await ProblemAsync(superuser, HttpStatusCode.Forbidden, "permission_denied");
        using var refused = await SendAsync(host, "/who", (HeaderScheme.Name, ""));
        await ProblemAsync(refused, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("Header", refused.Headers.WwwAuthenticate.ToString());
        using var unknown = await SendAsync(host, "/who", ("Authorization", $"Bearer {token}"));
        await ProblemAsync(unknown, HttpStatusCode.Unauthorized, "unauthenticated");
    }

    [Fact]
    public async Task Without_a_key_only_callers_of_this_machine_are_the_engine()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false);

        using var local = await host.Client.GetAsync("/who", Cancellation);
        Assert.Equal(HttpStatusCode.OK, local.StatusCode);
        foreach (var header in ((string, string)[])
            [("X-Forwarded-For", "203.0.113.9"), ("Forwarded", "for=203.0.113.9"), ("Host", "attacker.example")])
        {
            using var response = await SendAsync(host, "/who", header);
            await ProblemAsync(response, HttpStatusCode.Unauthorized, "unauthenticated");
        }

        Assert.Contains(host.Log, line => line.StartsWith("Warning Authentication is not configured", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Disabled_authentication_admits_every_caller_and_warns()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, ($"{Section}:Disabled", "true"));

        using var response = await SendAsync(host, "/who", ("X-Forwarded-For", "203.0.113.9"));
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.Contains(host.Log, line => line.StartsWith("Warning AUTHENTICATION IS DISABLED", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_caller_has_its_requests_in_a_minute_and_others_have_theirs()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret, ("SyncEngine:Limits:RequestsPerMinute", "2"));
        var other = Tokens.Hs256("""{"sub":"eve","role":"app_user"}""");

        HttpStatusCode[] expected = [HttpStatusCode.OK, HttpStatusCode.OK, HttpStatusCode.TooManyRequests];
        foreach (var status in expected)
        {
            using var response = await SendAsync(host, "/who", ("Authorization", $"Bearer {token}"));
            Assert.Equal(status, response.StatusCode);
            Assert.Equal(status == HttpStatusCode.OK ? null : TimeSpan.FromMinutes(1), response.Headers.RetryAfter?.Delta);
        }

        using var theirs = await SendAsync(host, "/who", ("Authorization", $"Bearer {other}"));
        Assert.Equal(HttpStatusCode.OK, theirs.StatusCode);
        HttpStatusCode[] guesses = [HttpStatusCode.Unauthorized, HttpStatusCode.Unauthorized, HttpStatusCode.TooManyRequests];
        foreach (var status in guesses)
        {
            using var response = await SendAsync(host, "/who", ("Authorization", "Bearer x.y.z"));
            Assert.Equal(status, response.StatusCode);
        }
    }

    [Fact]
    public async Task Every_code_is_a_problem_with_its_status()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);
        foreach (var code in ErrorCode.All)
        {
            using var response = await host.Client.GetAsync($"/throw/{code.Name}", Cancellation);
            var problem = await ProblemAsync(response, (HttpStatusCode)code.HttpStatus, code.Name);
            Assert.Equal(
                $$"""{"type":"urn:syncengine:error:{{code.Name}}","title":"relation \"a<b\" is not there","status":{{code.HttpStatus}}"""
                + $$""","code":"{{code.Name}}","detail":"Some detail.","hint":"Some hint.","sqlstate":"42P01","position":15}""",
                problem.GetRawText());
            Assert.Equal(code.HttpStatus is 429 or 503, response.Headers.RetryAfter is not null);
            Assert.Equal(code.HttpStatus is 401, response.Headers.WwwAuthenticate.Count > 0);
        }
    }

    [Fact]
    public async Task An_unknown_failure_gives_an_id_and_the_log_has_the_rest()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);

        using var response = await host.Client.GetAsync("/fail", Cancellation);
        var problem = await ProblemAsync(response, HttpStatusCode.InternalServerError, "internal");
        Assert.DoesNotContain("secret", problem.GetRawText(), StringComparison.Ordinal);
        var id = problem.GetProperty("id").GetString()!;
        var logged = Assert.Single(host.Log, line => line.StartsWith("Error", StringComparison.Ordinal));
        Assert.Contains(id, logged, StringComparison.Ordinal);
        Assert.Contains("the secret of the house", logged, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Half_an_answer_is_cut_off()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);
        await Assert.ThrowsAnyAsync<HttpRequestException>(() => host.Client.GetStringAsync("/half", Cancellation));
    }

    [Theory]
    [InlineData("GET", "/nowhere", null, null, HttpStatusCode.NotFound)]
    [InlineData("DELETE", "/open", null, null, HttpStatusCode.MethodNotAllowed)]
    [InlineData("POST", "/body", "{", "application/json", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/body", "", "application/json", HttpStatusCode.BadRequest)]
    [InlineData("POST", "/body", "{}", "text/plain", HttpStatusCode.UnsupportedMediaType)]
    public async Task A_request_that_the_framework_refuses_is_an_invalid_request(
        string method, string path, string? body, string? contentType, HttpStatusCode status)
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);
        using var request = new HttpRequestMessage(new HttpMethod(method), path);
        if (body is not null)
        {
            request.Content = new StringContent(body, Encoding.UTF8, contentType!);
        }

        using var response = await host.Client.SendAsync(request, Cancellation);
        await ProblemAsync(response, status, "invalid_request");
    }

    [Fact]
    public async Task A_body_that_is_too_large_is_an_invalid_request()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);
        using var content = new ByteArrayContent(new byte[31_000_000]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using var request = new HttpRequestMessage(HttpMethod.Post, "/body") { Content = content };
        request.Headers.ExpectContinue = true;
        using var response = await host.Client.SendAsync(request, Cancellation);
        await ProblemAsync(response, HttpStatusCode.RequestEntityTooLarge, "invalid_request");
    }

    [Fact]
    public async Task Pages_of_this_machine_may_and_others_may_not_until_they_are_named()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: true);
        await using var named = await TestHost.StartAsync(isEmbedded: true, ("SyncEngine:Cors:Origins", "https://app.example"));

        await ExpectAsync(host, "http://localhost:5173", isAdmitted: true);
        await ExpectAsync(host, host.Client.BaseAddress!.GetLeftPart(UriPartial.Authority), isAdmitted: true);
        await ExpectAsync(host, "https://app.example", isAdmitted: false);
        await ExpectAsync(host, "http://localhost.attacker.example", isAdmitted: false);
        await ExpectAsync(host, "null", isAdmitted: false);
        await ExpectAsync(named, "https://app.example", isAdmitted: true);
        await ExpectAsync(named, "http://localhost:5173", isAdmitted: false);
        await ExpectAsync(named, "https://app.example.attacker.example", isAdmitted: false);

        static async Task ExpectAsync(TestHost host, string origin, bool isAdmitted)
        {
            using var response = await SendAsync(host, "/who", ("Origin", origin));
            Assert.Equal(isAdmitted ? HttpStatusCode.OK : HttpStatusCode.Forbidden, response.StatusCode);
            var allowed = response.Headers.TryGetValues("Access-Control-Allow-Origin", out var values) ? values : [];
            Assert.Equal(isAdmitted ? [origin] : [], allowed);
        }
    }

    [Fact]
    public async Task A_refusal_can_be_read_by_a_page_that_may()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret, ("SyncEngine:Cors:Origins", "https://app.example"));

        using var response = await SendAsync(host, "/who", ("Origin", "https://app.example"));
        await ProblemAsync(response, HttpStatusCode.Unauthorized, "unauthenticated");
        Assert.Equal("https://app.example", response.Headers.GetValues("Access-Control-Allow-Origin").Single());
        Assert.Equal("Retry-After,WWW-Authenticate", response.Headers.GetValues("Access-Control-Expose-Headers").Single());
        Assert.Contains("Origin", response.Headers.Vary);
    }

    [Fact]
    public async Task A_preflight_needs_no_token()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret, ("SyncEngine:Cors:Origins", "https://app.example"));
        using var request = new HttpRequestMessage(HttpMethod.Options, "/who");
        request.Headers.Add("Origin", "https://app.example");
        request.Headers.Add("Access-Control-Request-Method", "GET");
        request.Headers.Add("Access-Control-Request-Headers", "authorization");

        using var response = await host.Client.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.NoContent, response.StatusCode);
        string[] names = ["Allow-Headers", "Allow-Origin", "Allow-Credentials", "Max-Age"];
        Assert.Equal(
            ["authorization", "https://app.example", "true", "600"],
            names.Select(name => response.Headers.GetValues($"Access-Control-{name}").Single()));
    }

    [Fact]
    public async Task Health_and_metrics_need_no_token_and_readiness_follows_the_parts()
    {
        await using var host = await TestHost.StartAsync(isEmbedded: false, secret);

        Assert.Equal("""{"status":"up"}""", await host.Client.GetStringAsync("/health/live", Cancellation));
        using var starting = await host.Client.GetAsync("/health/ready", Cancellation);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, starting.StatusCode);
        var parts = JsonElement.Parse(await starting.Content.ReadAsStringAsync(Cancellation)).GetProperty("parts");
        Assert.Equal("starting", parts.GetProperty("database").GetProperty("status").GetString());
        host.Database.Up();
        Assert.Contains("\"status\":\"up\"", await host.Client.GetStringAsync("/health/ready", Cancellation), StringComparison.Ordinal);
        using var metrics = await host.Client.GetAsync("/metrics", Cancellation);
        Assert.Equal("text/plain; version=0.0.4; charset=utf-8", metrics.Content.Headers.ContentType!.ToString());
        Assert.Contains("# TYPE process_resident_memory_bytes gauge\nprocess_resident_memory_bytes ", await metrics.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static Task<HttpResponseMessage> SendAsync(TestHost host, string path, (string Name, string Value) header)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.TryAddWithoutValidation(header.Name, header.Value);
        return host.Client.SendAsync(request, Cancellation);
    }

    private static async Task<JsonElement> ProblemAsync(HttpResponseMessage response, HttpStatusCode status, string code)
    {
        Assert.Equal((status, "application/problem+json"), (response.StatusCode, response.Content.Headers.ContentType?.MediaType));
        var problem = JsonElement.Parse(await response.Content.ReadAsStringAsync(Cancellation));
        Assert.Equal(code, problem.GetProperty("code").GetString());
        Assert.Equal((int)status, problem.GetProperty("status").GetInt32());
        return problem;
    }

    /// <summary>A scheme of an application: a header names the role.</summary>
    private sealed class HeaderScheme(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
        : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
    {
        public const string Name = "X-Role";

        protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(
            Request.Headers[Name] is not [{ } role] ? AuthenticateResult.NoResult()
            : role.Length == 0 ? AuthenticateResult.Fail("the role is empty")
            : AuthenticateResult.Success(new AuthenticationTicket(UserOf(role), Name)));

        protected override Task HandleChallengeAsync(AuthenticationProperties properties)
        {
            Response.Headers.WWWAuthenticate = "Header";
            return Task.CompletedTask;
        }

        private static ClaimsPrincipal UserOf(string role) => new(new ClaimsIdentity([new("sub", "ada"), new("role", role)], Name));
    }
}
