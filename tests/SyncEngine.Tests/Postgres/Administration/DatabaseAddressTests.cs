using Npgsql;
using SyncEngine.Postgres.Administration;
using Xunit;

namespace SyncEngine.Tests.Postgres.Administration;

public sealed class DatabaseAddressTests : IDisposable
{
    private readonly TestAuthority authority = new("test");
    private readonly string file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());

    public void Dispose()
    {
        File.Delete(file);
        authority.Dispose();
    }

    [Theory]
    [InlineData("postgres://ada:s%40crt%2F%3A@db.example.org:6432/shop", "db.example.org", 6432, "ada", "s@crt/:", "shop")]
    [InlineData("postgresql://ada@[::1]:5433/shop", "::1", 5433, "ada", null, "shop")]
    [InlineData("POSTGRES://ada:a/b@h/shop", "h", 5432, "ada", "a/b", "shop")]
    [InlineData("postgres://ada:p:q@h", "h", 5432, "ada", "p:q", null)]
    [InlineData("postgres:///shop?host=%2Fvar%2Frun%2Fpostgresql&port=5433&user=ada", "/var/run/postgresql", 5433, "ada", null, "shop")]
    [InlineData("postgres://h/my%20shop?schema=public&application_name=x%26y", "h", 5432, null, null, "my shop")]
    [InlineData("host=h port=6432 user=ada password='it\\'s; a \\\\ secret' dbname = shop", "h", 6432, "ada", "it's; a \\ secret", "shop")]
    [InlineData("host=h dbname=shop password=p\\ q", "h", 5432, null, "p q", "shop")]
    [InlineData("Host=h;Port=6432;Username=ada;Password=\"a;b\";Database=shop", "h", 6432, "ada", "a;b", "shop")]
    [InlineData("host=h;database=shop", "h", 5432, null, null, "shop")]
    [InlineData("Server=h", "h", 5432, null, null, null)]
    [InlineData("host=h password=postgres://x@y/z", "h", 5432, null, "postgres://x@y/z", null)]
    public void Every_form_of_address_is_read(string text, string host, int port, string? user, string? password, string? database)
    {
        var address = DatabaseAddress.Parse($" {text}\n");
        Assert.Equal(
            (host, port, user, password, database), (address.Host, address.Port, address.Username, address.Password, address.Database));
    }

    [Fact]
    public void Parameters_of_the_URL_reach_the_driver()
    {
        File.WriteAllText(file, authority.Pem);
        var address = DatabaseAddress.Parse(
            $"postgres://h/d?sslmode=verify-full&sslrootcert={Uri.EscapeDataString(file)}&connect_timeout=7"
                + "&options=-c%20work_mem%3D8MB&target_session_attrs=primary&Maximum%20Pool%20Size=7");
        Assert.Equal(SslMode.VerifyFull, address.SslMode);
        Assert.Equal(file, address.RootCertificate);
        Assert.Equal(7, address.Timeout);
        Assert.Equal("-c work_mem=8MB", address.Options);
        Assert.Equal("primary", address.TargetSessionAttributes);
        Assert.Equal(7, address.MaxPoolSize);
    }

    [Theory]
    [InlineData("disable", SslMode.Disable)]
    [InlineData("allow", SslMode.Allow)]
    [InlineData("prefer", SslMode.Prefer)]
    [InlineData("require", SslMode.Require)]
    [InlineData("verify-ca", SslMode.VerifyCA)]
    public void Modes_of_encryption_have_their_libpq_names(string name, SslMode mode)
    {
        Assert.Equal(mode, DatabaseAddress.Parse($"postgres://h/d?sslmode={name}&sslrootcert=system").SslMode);
        Assert.Equal(mode, DatabaseAddress.Parse($"host=h sslmode={name} sslrootcert=system").SslMode);
    }

    [Fact]
    public void A_root_certificate_may_be_given_as_its_text()
    {
        var address = DatabaseAddress.Parse($"postgres://h/d?sslmode=verify-ca&sslrootcert={Uri.EscapeDataString(authority.Pem)}");
        Assert.Equal(authority.Pem, File.ReadAllText(address.RootCertificate!));
        Assert.Equal(
            authority.Pem,
            File.ReadAllText(DatabaseAddress.Parse(
                $"host=h sslmode=verify-ca sslrootcert='{authority.Pem.Replace("\n", "\\\\n", StringComparison.Ordinal)}'").RootCertificate!));
    }

    [Theory]
    [InlineData("sslmode=verify-ca", "need sslrootcert")]
    [InlineData("sslmode=verify-full", "need sslrootcert")]
    [InlineData(
        "sslmode=require&sslrootcert=%2Fnowhere.pem", "sslrootcert must be a file with a certificate in PEM; \"/nowhere.pem\" is not one")]
    [InlineData("sslmode=require&sslrootcert=-----BEGIN%20CERTIFICATE-----nonsense", "sslrootcert is not the PEM text of a certificate")]
    public void Verification_needs_a_root_certificate_that_is_one(string parameters, string expected)
    {
        var problem = Assert.Throws<OperatorException>(() => DatabaseAddress.Parse(
            $"postgres://u:secret@h/d?{parameters}", "A_KEY")).Message;
        Assert.Contains(expected, problem, StringComparison.Ordinal);
        Assert.Contains("(A_KEY)", problem, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem);
        Assert.DoesNotContain("secret", problem, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_hosts_are_kept_with_their_ports() =>
        Assert.Equal("a:1,b:2", DatabaseAddress.Parse("postgres://u@a:1,b:2/d").Host);

    [Theory]
    [InlineData("")]
    [InlineData("mysql://u:secret@h/d")]
    [InlineData("postgres://u:secret@h:port/d")]
    [InlineData("postgres://u:secret@h:0/d")]
    [InlineData("postgres://u:secret%@h/d")]
    [InlineData("postgres://u:secret%zz@h/d")]
    [InlineData("postgres://u:secret@[::1/d")]
    [InlineData("postgres://u:secret@h/d?sslmode=maybe")]
    [InlineData("postgres://u:secret@h/d?wings=2")]
    [InlineData("postgres://u:secret@h/d?sslmode")]
    [InlineData("postgres://u:secret@h/d?connect_timeout=soon")]
    [InlineData("host=h password='secret")]
    [InlineData("host=h wings=secret")]
    [InlineData("Host=h;Wings=secret")]
    [InlineData("secret")]
    public void An_unreadable_address_is_an_error_of_one_line_without_the_password(string text)
    {
        var problem = Assert.Throws<OperatorException>(() => DatabaseAddress.Parse(text));
        Assert.StartsWith("the database address cannot be read: ", problem.Message, StringComparison.Ordinal);
        Assert.Contains("DATABASE_URL", problem.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', problem.Message);
        Assert.DoesNotContain("secret", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_description_has_no_password() =>
        Assert.Equal("ada@h:5432/shop", DatabaseAddress.Describe(DatabaseAddress.Parse("postgres://ada:secret@h/shop")));
}
