using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using SyncEngine.Permissions;
using SyncEngine.Ports;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;

namespace SyncEngine.Tests.Server.Authentication;

/// <summary>Makes tokens byte by byte, right and wrong ones.</summary>
static class Tokens
{
    public const string Secret = "a secret of more than thirty-two bytes";

    public static RSA Rsa { get; } = RSA.Create(2048);

    public static ECDsa Curve { get; } = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static string Hs256(string payload, string header = """{"alg":"HS256","typ":"JWT"}""", string secret = Secret) =>
        Assemble(header, payload, input => HMACSHA256.HashData(Encoding.UTF8.GetBytes(secret), input));

    public static string Rs256(string payload, string header = """{"alg":"RS256"}""", RSA? key = null) =>
        Assemble(header, payload, input => (key ?? Rsa).SignData(input, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));

    public static string Es256(
        string payload,
        string header = """{"alg":"ES256"}""",
        ECDsa? key = null,
        DSASignatureFormat format = DSASignatureFormat.IeeeP1363FixedFieldConcatenation) =>
        Assemble(header, payload, input => (key ?? Curve).SignData(input, HashAlgorithmName.SHA256, format));

    public static string Assemble(string header, string payload, Func<byte[], byte[]> sign) =>
        Assemble(Encoding.UTF8.GetBytes(header), Encoding.UTF8.GetBytes(payload), sign);

    public static string Assemble(byte[] header, byte[] payload, Func<byte[], byte[]> sign)
    {
        var input = $"{Base64Url.EncodeToString(header)}.{Base64Url.EncodeToString(payload)}";
        return $"{input}.{Base64Url.EncodeToString(sign(Encoding.ASCII.GetBytes(input)))}";
    }

    /// <summary>Authenticates tokens by the scheme that requests go through.</summary>
    public static TokenScheme Scheme(AuthenticationOptions options, TimeProvider time, IRoleCheck? roles = null, KeyFetch? fetch = null) =>
        new(new ServiceCollection()
            .AddLogging()
            .AddSingleton(time)
            .AddSingleton(roles ?? new Roles())
            .AddSyncAuthentication(options, fetch, isEmbedded: false)
            .BuildServiceProvider());

    public sealed class TokenScheme(ServiceProvider services) : IAsyncDisposable
    {
        public ValueTask<Principal> ValidateAsync(string token, CancellationToken cancellationToken) =>
            services.GetRequiredService<CallerAuthenticator>().AuthenticateAsync(token, cancellationToken);

        public ValueTask DisposeAsync() => services.DisposeAsync();
    }

    /// <summary>Every role may be taken, but for those named.</summary>
    public sealed class Roles : IRoleCheck
    {
        public Dictionary<string, RoleStatus> Others { get; } = new(StringComparer.Ordinal);

        public ValueTask<RoleStatus> CheckAsync(string role, CancellationToken cancellationToken) =>
            ValueTask.FromResult(Others.GetValueOrDefault(role, RoleStatus.Usable));
    }
}
