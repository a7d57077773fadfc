using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Authentication;

/// <summary>A key and the one algorithm that it verifies. Nothing in a token can pair it with another.</summary>
/// <param name="IsShortSecret">A shared secret with fewer than <see cref="RecommendedSecretBytes"/>.</param>
sealed record VerificationKey(string? Id, string Algorithm, SecurityKey Key, bool IsShortSecret = false)
{
    private const int MinSecretBytes = 16;

    /// <summary>The bytes of the hash, which RFC 7518 asks for.</summary>
    public const int RecommendedSecretBytes = 32;

    /// <summary>All algorithms that keys can have.</summary>
    public static IReadOnlyList<string> Algorithms { get; } =
        [SecurityAlgorithms.HmacSha256, SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256];

    public static VerificationKey FromSecret(string secret)
    {
        const string key = "SyncEngine:Authentication:Secret";
        byte[] bytes;
        try
        {
            bytes = secret.StartsWith("base64:", StringComparison.Ordinal)
                ? Convert.FromBase64String(secret["base64:".Length..])
                : Encoding.UTF8.GetBytes(secret);
        }
        catch (FormatException)
        {
            throw new OperatorException($"{key} is not base64 after \"base64:\"");
        }

        return bytes.Length >= MinSecretBytes
            ? FromSecret(null, bytes)
            : throw new OperatorException(
                $"{key} has {bytes.Length} bytes; give it {RecommendedSecretBytes} random ones ({MinSecretBytes} at least)");
    }

    /// <param name="pem">Environment files often hold the line breaks of a PEM as <c>\n</c>.</param>
    public static VerificationKey FromPem(string pem)
    {
        const string key = "SyncEngine:Authentication:PublicKey";
        pem = pem.Replace("\\n", "\n", StringComparison.Ordinal);
        if (pem.Contains("PRIVATE KEY", StringComparison.Ordinal))
        {
            throw new OperatorException($"{key} holds a private key; the engine needs, and should see, the public one only");
        }

        try
        {
            if (pem.Contains("BEGIN CERTIFICATE", StringComparison.Ordinal))
            {
                using var certificate = X509Certificate2.CreateFromPem(pem);
                pem = PemEncoding.WriteString("PUBLIC KEY", certificate.PublicKey.ExportSubjectPublicKeyInfo());
            }

            return TryRsa(pem) ?? FromEllipticCurve(null, Imported(ECDsa.Create(), pem).ExportParameters(includePrivateParameters: false));
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            throw new OperatorException($"{key} is not the PEM of an RSA key of 2048 bits or more, nor of a P-256 key", exception);
        }
    }

    /// <summary>The keys of a JSON Web Key Set that may verify one of our algorithms; others are left out.</summary>
    /// <exception cref="FormatException">The text is not a key set.</exception>
    public static IReadOnlyList<VerificationKey> FromKeySet(string json)
    {
        try
        {
            using var document = JsonDocument.Parse(json, new JsonDocumentOptions { MaxDepth = 16 });
            return [.. document.RootElement.GetProperty("keys").EnumerateArray().Select(TryJsonWebKey).OfType<VerificationKey>()];
        }
        catch (Exception exception) when (exception is JsonException or KeyNotFoundException or InvalidOperationException)
        {
            throw new FormatException("not a JSON Web Key Set", exception);
        }
    }

    private static VerificationKey? TryJsonWebKey(JsonElement key)
    {
        var isForSignatures = (Member(key, "use") ?? "sig") is "sig"
            && (!key.TryGetProperty("key_ops", out var operations)
                || operations.EnumerateArray().Any(operation => operation.ValueEquals("verify")));
        if (!isForSignatures)
        {
            return null;
        }

        try
        {
            var id = Member(key, "kid");
            var made = Member(key, "kty") switch
            {
                "oct" when Bytes(key, "k") is { Length: >= MinSecretBytes } secret => FromSecret(id, secret),
                "RSA" => FromRsa(id, new RSAParameters { Modulus = Bytes(key, "n"), Exponent = Bytes(key, "e") }),
                "EC" when Member(key, "crv") is "P-256" => FromEllipticCurve(id, new ECParameters
                {
                    Curve = ECCurve.NamedCurves.nistP256,
                    Q = new ECPoint { X = Bytes(key, "x"), Y = Bytes(key, "y") },
                }),
                _ => null,
            };
            return made is null || (Member(key, "alg") ?? made.Algorithm) != made.Algorithm ? null : made;
        }
        catch (Exception exception) when (exception is CryptographicException or FormatException)
        {
            return null;
        }
    }

    private static VerificationKey FromSecret(string? id, byte[] secret)
    {
        // The JWT library takes no secret shorter than the hash. HMAC itself pads with zeros, so these change nothing (RFC 2104).
        var padded = new byte[Math.Max(secret.Length, RecommendedSecretBytes)];
        secret.CopyTo(padded, 0);
        var isShort = secret.Length < RecommendedSecretBytes;
        return new VerificationKey(id, SecurityAlgorithms.HmacSha256, new SymmetricSecurityKey(padded), isShort);
    }

    private static VerificationKey? TryRsa(string pem)
    {
        RSA rsa;
        try
        {
            rsa = Imported(RSA.Create(), pem);
        }
        catch (Exception exception) when (exception is CryptographicException or ArgumentException)
        {
            return null;
        }

        return FromRsa(null, rsa.ExportParameters(includePrivateParameters: false));
    }

    private static T Imported<T>(T algorithm, string pem)
        where T : AsymmetricAlgorithm
    {
        algorithm.ImportFromPem(pem);
        return algorithm;
    }

    private static VerificationKey FromRsa(string? id, RSAParameters parameters)
    {
        // An exponent of 1 makes every signature right.
        using var rsa = RSA.Create(parameters);
        var exponent = parameters.Exponent.AsSpan().TrimStart((byte)0);
        return rsa.KeySize >= 2048 && (exponent.Length > 1 || (exponent.Length == 1 && exponent[0] >= 3)) && (exponent[^1] & 1) == 1
            ? new VerificationKey(id, SecurityAlgorithms.RsaSha256, new RsaSecurityKey(parameters))
            : throw new CryptographicException("the RSA key is too weak");
    }

    private static VerificationKey FromEllipticCurve(string? id, ECParameters parameters)
    {
        parameters.Validate();
        return string.Equals(parameters.Curve.Oid.Value, ECCurve.NamedCurves.nistP256.Oid.Value, StringComparison.Ordinal)
            ? new VerificationKey(id, SecurityAlgorithms.EcdsaSha256, new ECDsaSecurityKey(ECDsa.Create(parameters)))
            : throw new CryptographicException("the key is not on P-256");
    }

    private static string? Member(JsonElement key, string name) => key.TryGetProperty(name, out var value) ? value.GetString() : null;

    private static byte[]? Bytes(JsonElement key, string name) => Member(key, name) is { } text ? Base64UrlEncoder.DecodeBytes(text) : null;
}
