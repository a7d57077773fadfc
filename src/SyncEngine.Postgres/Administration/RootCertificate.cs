using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace SyncEngine.Postgres.Administration;

/// <summary>Root certificates as the driver wants them: in a file.</summary>
static class RootCertificate
{
    private const string Heading = "-----BEGIN";

    /// <summary>Readable by this user alone, so that nobody can slip in roots of their own. The system clears it away with its temporary files.</summary>
    private static readonly Lazy<string> folder = new(() => Directory.CreateTempSubdirectory("syncengine-roots-").FullName);

    /// <param name="pathOrText">A file's path, or the PEM text itself, whose line breaks may be written <c>\n</c>.</param>
    /// <exception cref="OperatorException">There is no such file, or no certificate in it.</exception>
    public static string FileOf(string pathOrText)
    {
        var isText = pathOrText.TrimStart().StartsWith(Heading, StringComparison.Ordinal);
        var path = isText ? Write(pathOrText.Replace("\\n", "\n", StringComparison.Ordinal)) : pathOrText;
        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPemFile(path);
            if (certificates.Count > 0)
            {
                return path;
            }
        }
        catch (Exception cannot) when (cannot is CryptographicException or IOException or UnauthorizedAccessException)
        {
            // The same to whoever mends it.
        }

        throw new OperatorException($"sslrootcert {(isText ? "is not the PEM text of a certificate" : $"must be a file with a certificate in PEM; \"{path}\" is not one")} (DATABASE_URL or SyncEngine:Database:Url)");
    }

    /// <summary>Where libpq and the driver look without being told.</summary>
    public static bool IsInUsualPlace() =>
        Environment.GetEnvironmentVariable("PGSSLROOTCERT") is { Length: > 0 }
        || File.Exists(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".postgresql", "root.crt"));

    private static string Write(string pem)
    {
        var bytes = Encoding.UTF8.GetBytes(pem);
        var path = Path.Combine(folder.Value, Convert.ToHexStringLower(SHA256.HashData(bytes)) + ".pem");
        File.WriteAllBytes(path, bytes);
        return path;
    }
}
