using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

namespace SyncEngine.IntegrationTests.Contract;

/// <summary>JSON Web Tokens by hand, the bad ones too.</summary>
static class Token
{
    public const string Secret = "a secret of the tests, which is long enough";

    public static string Of(object claims, string secret = Secret) => Signed("""{"alg":"HS256","typ":"JWT"}""", JsonSerializer.Serialize(claims), Encoding.UTF8.GetBytes(secret));

    public static string Signed(string header, string payload, byte[] secret)
    {
        var signed = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(payload))}";
        return $"{signed}.{Encode(HMACSHA256.HashData(secret, Encoding.UTF8.GetBytes(signed)))}";
    }

    public static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);

    public static long In(TimeSpan time) => TimeProvider.System.GetUtcNow().Add(time).ToUnixTimeSeconds();
}
