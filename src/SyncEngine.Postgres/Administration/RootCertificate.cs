using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace SyncEngine.Postgres.Administration;

/// <summary>Root certificates in the form that the driver takes: a file.</summary>
static class RootCertificate
{
    private const string Heading = "-----BEGIN";

    /// <summary>Writable by this user alone, so that no other can add roots. The system removes it with its temporary files.</summary>
    private static readonly Lazy<string> folder = new(() => Directory.CreateTempSubdirectory("syncengine-roots-").FullName);

    /// <param name="pathOrText">A file's path, or the PEM text itself, whose line breaks may be written <c>\n</c>.</param>
    /// <exception cref="AddressFault">There is no such file, or no certificate in it.</exception>
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
            // The same fault for the operator as a file without a certificate.
        }

        throw new AddressFault(
            isText
                ? "sslrootcert is not the PEM text of a certificate"
                : $"sslrootcert must be a file with a certificate in PEM; \"{path}\" is not one");
    }

    /// <summary>The roots are in the place that libpq and the driver use without a setting.</summary>
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
