using System.Buffers.Text;
using System.IdentityModel.Tokens.Jwt;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Microsoft.IdentityModel.Tokens;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Postgres.Administration;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;
using Xunit;

namespace SyncEngine.Tests.Server.Authentication;

public sealed class BearerSchemeTests
{
    private const string Payload = """{"iss":"https://issuer","sub":"ada","role":"app_user","tenant":7}""";

    private static readonly AuthenticationOptions allKeys = new()
    {
        Secret = Tokens.Secret,
        PublicKey = Tokens.Rsa.ExportSubjectPublicKeyInfoPem(),
        Jwks = KeySet(Tokens.Curve),
    };

    private readonly ManualTime time = new();

    private long Now => time.Now.ToUnixTimeSeconds();

    [Fact]
    public async Task The_three_algorithms_are_accepted_with_their_own_keys()
    {
        foreach (var token in (string[])[Tokens.Hs256(Payload), Tokens.Rs256(Payload), Tokens.Es256(Payload)])
        {
            var principal = await ValidateAsync(token, allKeys);
            Assert.Equal(new Principal("https://issuer", "ada", "app_user", Payload, null), principal);
        }
    }

    [Fact]
    public async Task A_token_of_another_library_is_accepted()
    {
        var key = new SymmetricSecurityKey(Encoding.UTF8.GetBytes(Tokens.Secret));
        var token = new JwtSecurityTokenHandler().WriteToken(new JwtSecurityToken(
            "https://issuer",
            claims: [new("role", "app_user"), new("sub", "ada")],
            signingCredentials: new SigningCredentials(key, SecurityAlgorithms.HmacSha256)));

        Assert.Equal("app_user", (await ValidateAsync(token, allKeys)).Role);
    }

    [Fact]
    public async Task The_example_of_RFC_7515_is_accepted()
    {
        // RFC 7515, appendix A.1; its payload has line breaks within, and names no role.
        const string token = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9"
            + ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
            + ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        const string secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
        const string jwks = $$"""{"keys":[{"kty":"oct","k":"{{secret}}"}]}""";
        time.Now = DateTimeOffset.FromUnixTimeSeconds(1300819379);

        var principal = await ValidateAsync(token, new() { Jwks = jwks, DefaultRole = "web" });

        Assert.Equal(("joe", "web"), (principal.Issuer, principal.Role));
        Assert.Equal(DateTimeOffset.FromUnixTimeSeconds(1300819380), principal.ExpiresAt);
    }

    [Theory]
    [InlineData("sub")]
    [InlineData("aud")]
    [InlineData("jti")]
    [InlineData("x")]
    public async Task A_claim_that_is_null_counts_as_missing(string claim)
    {
        var payload = $$"""{"role":"app_user","{{claim}}":null}""";
        Assert.Equal(payload, (await ValidateAsync(Tokens.Hs256(payload), allKeys)).Claims);
    }

    public static TheoryData<string, string> Forgeries()
    {
        var good = Tokens.Hs256(Payload);
        var parts = good.Split('.');
        var rsaPem = Encoding.ASCII.GetBytes(Tokens.Rsa.ExportSubjectPublicKeyInfoPem());
        var rsaBytes = Tokens.Rsa.ExportSubjectPublicKeyInfo();
        var header = """{"alg":"HS256"}"""u8.ToArray();
        using var otherCurve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        using var otherRsa = RSA.Create(2048);
        byte[] Hmac(byte[] input) => HMACSHA256.HashData(Encoding.UTF8.GetBytes(Tokens.Secret), input);
        byte[] Hmac512(byte[] input) => HMACSHA512.HashData(Encoding.UTF8.GetBytes(Tokens.Secret), input);
        byte[] Pss(byte[] input) => Tokens.Rsa.SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pss);
        byte[] bom = [0xEF, 0xBB, 0xBF];
        return new()
        {
            { "alg none", Tokens.Assemble("""{"alg":"none"}""", Payload, _ => [])},
            { "alg none with a signature", Tokens.Assemble("""{"alg":"nOnE"}""", Payload, Hmac) },
            { "no signature", $"{parts[0]}.{parts[1]}." },
            { "two parts", $"{parts[0]}.{parts[1]}" },
            { "five parts", $"{good}.{parts[0]}.{parts[1]}" },
            { "empty", "" },
            { "dots", ".." },
            { "HS256 with the RSA key as text", Tokens.Assemble(header, Encoding.UTF8.GetBytes(Payload), input => HMACSHA256.HashData(rsaPem, input)) },
            { "HS256 with the RSA key as bytes", Tokens.Assemble(header, Encoding.UTF8.GetBytes(Payload), input => HMACSHA256.HashData(rsaBytes, input)) },
            { "lower-case algorithm", Tokens.Hs256(Payload, """{"alg":"hs256"}""") },
            { "HS512", Tokens.Assemble("""{"alg":"HS512"}""", Payload, Hmac512) },
            { "PS256", Tokens.Assemble("""{"alg":"PS256"}""", Payload, Pss) },
            { "RS256 header, PSS signature", Tokens.Assemble("""{"alg":"RS256"}""", Payload, Pss) },
            { "another secret", Tokens.Hs256(Payload, secret: "another secret of thirty-two bytes or more") },
            { "an empty secret", Tokens.Hs256(Payload, secret: "") },
            { "another RSA key", Tokens.Rs256(Payload, key: otherRsa) },
            { "another curve", Tokens.Es256(Payload, key: otherCurve) },
            { "ECDSA in DER", Tokens.Es256(Payload, format: DSASignatureFormat.Rfc3279DerSequence) },
            { "ECDSA of zeros", Tokens.Assemble("""{"alg":"ES256"}""", Payload, _ => new byte[64]) },
            { "ECDSA of the wrong length", Tokens.Assemble("""{"alg":"ES256"}""", Payload, _ => new byte[63]) },
            { "a changed payload", $"{parts[0]}.{Base64Url.EncodeToString("""{"sub":"eve","role":"app_user"}"""u8)}.{parts[2]}" },
            { "a cut signature", good[..^4] },
            { "crit", Tokens.Hs256(Payload, """{"alg":"HS256","crit":["exp"]}""") },
            { "crit of nothing", Tokens.Hs256(Payload, """{"alg":"HS256","crit":[]}""") },
            { "b64", Tokens.Hs256(Payload, """{"alg":"HS256","b64":false}""") },
            { "alg twice", Tokens.Hs256(Payload, """{"alg":"none","alg":"HS256"}""") },
            { "alg twice, once escaped", Tokens.Hs256(Payload, """{"\u0061lg":"none","alg":"HS256"}""") },
            { "role twice", Tokens.Hs256("""{"role":"app_user","role":"admin"}""") },
            { "alg a number", Tokens.Hs256(Payload, """{"alg":1}""") },
            { "no alg", Tokens.Hs256(Payload, """{"typ":"JWT"}""") },
            { "kid a number", Tokens.Hs256(Payload, """{"alg":"HS256","kid":1}""") },
            { "padding", $"{parts[0]}.{parts[1]}.{parts[2]}=" },
            { "white space", $"{parts[0]}.{parts[1]}.{parts[2]} " },
            { "a line break within", good.Insert(5, "\n") },
            { "the letters of plain base64", Tokens.Assemble(header, """{"role":"~~~???"}"""u8.ToArray(), Hmac).Replace('_', '/') },
            { "bits to spare that are not zero", string.Concat(good.AsSpan(0, good.Length - 1), ((char)(good[^1] + 1)).ToString()) },
            { "a byte order mark", Tokens.Assemble("""{"alg":"HS256"}"""u8.ToArray(), [.. bom, .. Encoding.UTF8.GetBytes(Payload)], Hmac) },
            { "a comment", Tokens.Hs256("""{"role":"app_user"/**/}""") },
            { "bytes after the end", Tokens.Hs256(Payload + "x") },
            { "not UTF-8", Tokens.Assemble(header, [.. "{\"role\":\"app_user\",\"x\":\""u8, 0xFF, .. "\"}"u8], Hmac) },
            { "an array", Tokens.Hs256("[]") },
            { "deep", Tokens.Hs256($$"""{"role":"app_user","x":{{new string('[', 5000)}}{{new string(']', 5000)}}}""") },
            { "a megabyte", Tokens.Hs256($$"""{"role":"app_user","x":"{{new string('x', 1 << 20)}}"}""") },
            { "exp a text", Tokens.Hs256("""{"role":"app_user","exp":"99999999999"}""") },
            { "exp huge", Tokens.Hs256("""{"role":"app_user","exp":1e300}""") },
            { "exp null", Tokens.Hs256("""{"role":"app_user","exp":null}""") },
            { "sub a number", Tokens.Hs256("""{"role":"app_user","sub":1}""") },
            { "kid half of a pair of surrogates", Tokens.Hs256(Payload, """{"alg":"HS256","kid":"\ud800"}""") },
            { "sub half of a pair of surrogates", Tokens.Hs256("""{"role":"app_user","sub":"\udc00"}""") },
            { "role half of a pair of surrogates", Tokens.Hs256("""{"role":"\ud800"}""") },
            { "iss null", Tokens.Hs256("""{"role":"app_user","iss":null}""") },
            { "aud a number", Tokens.Hs256("""{"role":"app_user","aud":1}""") },
            { "iss an array", Tokens.Hs256("""{"role":"app_user","iss":["a"]}""") },
        };
    }

    [Theory]
    [MemberData(nameof(Forgeries))]
    public async Task Texts_other_than_a_signed_token_are_refused(string what, string token)
    {
        var error = await Assert.ThrowsAsync<SyncException>(() => ValidateAsync(token, allKeys));

        Assert.True(error.Code == ErrorCode.Unauthenticated, what);
        Assert.StartsWith("the token is not accepted: ", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("eve", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"alg":"HS256","kid":"../../etc/passwd"}""")]
    [InlineData("""{"alg":"HS256","kid":"' OR 1=1 --"}""")]
    [InlineData("""{"alg":"HS256","jku":"http://127.0.0.1:1/keys","x5u":"http://127.0.0.1:1/","jwk":{"kty":"oct","k":"AAAA"}}""")]
    public async Task Keys_and_addresses_in_the_header_change_nothing(string header)
    {
        Assert.Equal("app_user", (await ValidateAsync(Tokens.Hs256(Payload, header), allKeys)).Role);
        var forged = Tokens.Hs256(Payload, header, secret: "another secret of thirty-two bytes or more");
        await RefusedAsync(ErrorCode.Unauthenticated, forged, allKeys);
    }

    [Fact]
    public async Task A_key_id_picks_among_the_keys_of_a_set()
    {
        using var second = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var options = new AuthenticationOptions { Jwks = $$"""{"keys":[{{Key(Tokens.Curve, "one")}},{{Key(second, "two")}}]}""" };

        Assert.Equal("ada", (await ValidateAsync(Tokens.Es256(Payload, """{"alg":"ES256","kid":"two"}""", second), options)).Subject);
        Assert.Equal("ada", (await ValidateAsync(Tokens.Es256(Payload, key: second), options)).Subject);
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Es256(Payload, """{"alg":"ES256","kid":"one"}""", second), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Es256(Payload, """{"alg":"ES256","kid":"three"}""", second), options);
    }

    [Fact]
    public async Task A_token_ends_at_the_second_of_exp_and_the_skew_moves_it()
    {
        var token = Tokens.Hs256($$"""{"role":"app_user","exp":{{Now + 10}}}""");
        var strict = new AuthenticationOptions { Secret = Tokens.Secret };
        var lenient = strict with { ClockSkew = TimeSpan.FromSeconds(5) };

        Assert.Equal(time.Now.AddSeconds(10), (await ValidateAsync(token, strict)).ExpiresAt);
        Assert.Equal(time.Now.AddSeconds(15), (await ValidateAsync(token, lenient)).ExpiresAt);
        time.Now += TimeSpan.FromSeconds(10);
        await RefusedAsync(ErrorCode.TokenExpired, token, strict);
        Assert.NotNull(await ValidateAsync(token, lenient));
        time.Now += TimeSpan.FromSeconds(5);
        await RefusedAsync(ErrorCode.TokenExpired, token, lenient);
    }

    [Fact]
    public async Task A_token_of_the_future_is_not_valid_yet()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret };

        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Hs256($$"""{"role":"app_user","nbf":{{Now + 1}}}"""), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Hs256($$"""{"role":"app_user","iat":{{Now + 1}}}"""), options);
        var lenient = options with { ClockSkew = TimeSpan.FromSeconds(1) };
        Assert.NotNull(await ValidateAsync(Tokens.Hs256($$"""{"role":"app_user","nbf":{{Now}},"iat":{{Now}}.5}"""), lenient));
        await RefusedAsync(ErrorCode.TokenExpired, Tokens.Hs256("""{"role":"app_user","exp":-1}"""), options);
    }

    [Fact]
    public async Task A_token_without_exp_is_refused_only_when_asked_for()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret };

        Assert.Null((await ValidateAsync(Tokens.Hs256(Payload), options)).ExpiresAt);
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Hs256(Payload), options with { RequireExpiry = true });
    }

    [Fact]
    public async Task Issuer_and_audience_are_compared_whole()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret, Issuer = "https://issuer", Audience = "sync" };
        string Of(string issuer, string audience) => Tokens.Hs256($$"""{"iss":{{issuer}},"aud":{{audience}},"role":"app_user"}""");

        Assert.NotNull(await ValidateAsync(Of("\"https://issuer\"", "\"sync\""), options));
        Assert.NotNull(await ValidateAsync(Of("\"https://issuer\"", "[\"other\",\"sync\"]"), options));
        await RefusedAsync(ErrorCode.Unauthenticated, Of("\"https://issuer/\"", "\"sync\""), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Of("null", "\"sync\""), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Of("\"https://issuer\"", "\"sync2\""), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Of("\"https://issuer\"", "{\"sync\":1}"), options);
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Hs256(Payload), options);
    }

    [Fact]
    public async Task With_an_authority_the_issuer_is_checked_even_for_other_keys()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret, Authority = "https://issuer/" };

        Assert.NotNull(await ValidateAsync(Tokens.Hs256(Payload), options));
        await RefusedAsync(ErrorCode.Unauthenticated, Tokens.Hs256("""{"iss":"https://other","role":"app_user"}"""), options);
    }

    [Theory]
    [InlineData("role", """{"role":"app_user"}""")]
    [InlineData("app_metadata.role", """{"app_metadata":{"role":"app_user"}}""")]
    [InlineData("https://example.com/role", """{"https://example.com/role":"app_user","https://example":{"com/role":"other"}}""")]
    public async Task The_role_is_a_claim_of_the_name_or_a_member_of_nested_ones(string claim, string payload)
    {
        Assert.Equal("app_user", (await ValidateAsync(Tokens.Hs256(payload), new() { Secret = Tokens.Secret, RoleClaim = claim })).Role);
    }

    [Fact]
    public async Task A_token_without_a_role_gets_the_default_one_or_is_forbidden()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret };

        await RefusedAsync(ErrorCode.PermissionDenied, Tokens.Hs256("""{"sub":"ada"}"""), options);
        await RefusedAsync(ErrorCode.PermissionDenied, Tokens.Hs256("""{"role":null}"""), options);
        Assert.Equal("web", (await ValidateAsync(Tokens.Hs256("""{"sub":"ada"}"""), options with { DefaultRole = "web" })).Role);
        // Something that is no role is a mistake of the issuer, and not a reason for another role.
        await RefusedAsync(ErrorCode.PermissionDenied, Tokens.Hs256("""{"role":["web"]}"""), options with { DefaultRole = "web" });
        await RefusedAsync(ErrorCode.PermissionDenied, Tokens.Hs256("""{"role":""}"""), options with { DefaultRole = "web" });
    }

    [Fact]
    public async Task A_role_that_may_not_be_taken_is_forbidden_for_every_reason_there_is()
    {
        var roles = new Tokens.Roles();
        foreach (var status in Enum.GetValues<RoleStatus>())
        {
            roles.Others["app_user"] = status;
            await using var scheme = Tokens.Scheme(new() { Secret = Tokens.Secret }, time, roles);
            var validate = () => scheme.ValidateAsync(Tokens.Hs256(Payload), CancellationToken.None).AsTask();
            if (status == RoleStatus.Usable)
            {
                Assert.Equal("app_user", (await validate()).Role);
            }
            else
            {
                Assert.Equal(ErrorCode.PermissionDenied, (await Assert.ThrowsAsync<SyncException>(validate)).Code);
            }
        }
    }

    [Fact]
    public async Task Without_sub_two_callers_are_the_same_only_when_their_claims_are()
    {
        var options = new AuthenticationOptions { Secret = Tokens.Secret };
        async Task<Principal> Of(string payload) => await ValidateAsync(Tokens.Hs256(payload), options);

        var one = await Of($$"""{"role":"app_user","tenant":1,"exp":{{Now + 10}}}""");
        var refreshed = await Of($$"""{"tenant":1,"role":"app_user","exp":{{Now + 20}},"jti":"x"}""");
        var other = await Of($$"""{"role":"app_user","tenant":2,"exp":{{Now + 10}}}""");

        Assert.True(one.IsSameAs(refreshed));
        Assert.False(one.IsSameAs(other));
    }

    [Theory]
    [InlineData("short", "16 at least")]
    [InlineData("base64:%%%", "not base64")]
    [InlineData("base64:c2hvcnQ=", "16 at least")]
    public void A_secret_that_is_none_is_refused_at_start(string secret, string why)
    {
        var error = Assert.Throws<OperatorException>(() => KeySources.Fixed(new() { Secret = secret }));
        Assert.Contains(why, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("c2hvcnQ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_may_be_bytes_in_base64()
    {
        var options = new AuthenticationOptions { Secret = $"base64:{Convert.ToBase64String(Encoding.UTF8.GetBytes(Tokens.Secret))}" };
        Assert.Equal("ada", (await ValidateAsync(Tokens.Hs256(Payload), options)).Subject);
    }

    [Fact]
    public async Task A_public_key_may_be_a_certificate_or_have_its_line_breaks_escaped()
    {
        var request = new CertificateRequest("CN=issuer", Tokens.Curve, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(time.Now.AddDays(-1), time.Now.AddDays(1));
        var escaped = Tokens.Curve.ExportSubjectPublicKeyInfoPem().Replace("\n", "\\n", StringComparison.Ordinal);

        Assert.Equal("ada", (await ValidateAsync(Tokens.Es256(Payload), new() { PublicKey = certificate.ExportCertificatePem() })).Subject);
        Assert.Equal("ada", (await ValidateAsync(Tokens.Es256(Payload), new() { PublicKey = escaped })).Subject);
        Assert.Equal("ada", (await ValidateAsync(Tokens.Rs256(Payload), new() { PublicKey = Tokens.Rsa.ExportRSAPublicKeyPem() })).Subject);
    }

    public static TheoryData<string> WeakKeys()
    {
        using var small = RSA.Create(1024);
        using var curve = ECDsa.Create(ECCurve.NamedCurves.nistP384);
        return
        [
            small.ExportSubjectPublicKeyInfoPem(),
            curve.ExportSubjectPublicKeyInfoPem(),
            Tokens.Rsa.ExportPkcs8PrivateKeyPem(),
            "not a PEM",
            "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        ];
    }

    [Theory]
    [MemberData(nameof(WeakKeys))]
    public void A_public_key_that_is_weak_or_private_or_none_is_refused_at_start(string pem)
    {
        var error = Assert.Throws<OperatorException>(() => KeySources.Fixed(new() { PublicKey = pem }));
        Assert.StartsWith("SyncEngine:Authentication:PublicKey", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Keys_of_a_set_that_are_weak_or_meant_for_something_else_are_left_out()
    {
        var rsa = Tokens.Rsa.ExportParameters(includePrivateParameters: false);
        var modulus = Base64Url.EncodeToString(rsa.Modulus);
        string[] keys =
        [
            $$"""{"kty":"RSA","n":"{{modulus}}","e":"AQ"}""",
            $$"""{"kty":"RSA","n":"{{modulus}}","e":"AQAB","use":"enc"}""",
            $$"""{"kty":"RSA","n":"{{modulus}}","e":"AQAB","alg":"RS512"}""",
            $$"""{"kty":"RSA","n":"{{modulus}}","e":"AQAB","key_ops":["sign"]}""",
            """{"kty":"oct","k":"AAAA"}""",
            """{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}""",
            """{"kty":"EC","crv":"P-384","x":"AAAA","y":"AAAA"}""",
            """{"kty":"OKP","crv":"Ed25519","x":"AAAA"}""",
            """{"kty":"RSA"}""",
        ];
        Assert.All(keys, key => Assert.Empty(VerificationKey.FromKeySet($$"""{"keys":[{{key}}]}""")));
        var good = $$"""{"kty":"RSA","n":"{{modulus}}","e":"AQAB","use":"sig"}""";
        Assert.Equal("RS256", Assert.Single(VerificationKey.FromKeySet($$"""{"keys":[{{keys[0]}},{{good}}]}""")).Algorithm);
    }

    private static string KeySet(ECDsa key) => $$"""{"keys":[{{Key(key, null)}}]}""";

    private static string Key(ECDsa key, string? id)
    {
        var point = key.ExportParameters(includePrivateParameters: false).Q;
        var kid = id is null ? "" : $"\"kid\":\"{id}\",";
        var (x, y) = (Base64Url.EncodeToString(point.X), Base64Url.EncodeToString(point.Y));
        return $$"""{{{kid}}"kty":"EC","crv":"P-256","x":"{{x}}","y":"{{y}}"}""";
    }

    private async Task<Principal> ValidateAsync(string token, AuthenticationOptions options)
    {
        await using var scheme = Tokens.Scheme(options, time);
        return await scheme.ValidateAsync(token, TestContext.Current.CancellationToken);
    }

    private async Task RefusedAsync(ErrorCode code, string token, AuthenticationOptions options) =>
        Assert.Equal(code, (await Assert.ThrowsAsync<SyncException>(() => ValidateAsync(token, options))).Code);
}
