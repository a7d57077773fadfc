using System.Globalization;
using System.Net;
using Dapper;
using Npgsql;
using SyncEngine.IntegrationTests.Replication;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Sessions;
using SyncEngine.Tests.Postgres.Administration;
using Xunit;

namespace SyncEngine.IntegrationTests.Administration;

/// <summary>The modes of encryption against a server with a certificate for 127.0.0.1.</summary>
public sealed class EncryptionTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly TestAuthority authority = new("ours");
    private readonly TestAuthority stranger = new("a stranger's");
    private TestDatabase database = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        var (certificate, key) = authority.Issue(IPAddress.Loopback);
        await WriteAsync("test.crt", certificate);
        await WriteAsync("test.key", key);
        await database.ExecuteAsync("ALTER SYSTEM SET ssl_cert_file = 'test.crt'");
        await database.ExecuteAsync("ALTER SYSTEM SET ssl_key_file = 'test.key'");
        await SwitchAsync("on");
    }

    public async ValueTask DisposeAsync()
    {
        await SwitchAsync("off");
        await database.DisposeAsync();
        authority.Dispose();
        stranger.Dispose();
    }

    [Theory]
    [InlineData("disable", false)]
    [InlineData("prefer", true)]
    [InlineData("require", true)]
    public async Task Without_verification_any_certificate_will_do(string mode, bool isEncrypted)
    {
        Assert.Equal(isEncrypted, await ConnectAsync("127.0.0.1", $"sslmode={mode}"));
    }

    [Fact]
    public async Task The_authority_is_verified_from_a_file_and_from_text()
    {
        var file = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        await File.WriteAllTextAsync(file, authority.Pem, TestContext.Current.CancellationToken);
        try
        {
            foreach (var mode in (string[])["verify-ca", "verify-full"])
            {
                Assert.True(await ConnectAsync("127.0.0.1", $"sslmode={mode}&sslrootcert={Uri.EscapeDataString(file)}"));
                Assert.True(await ConnectAsync("127.0.0.1", $"sslmode={mode}&sslrootcert={Uri.EscapeDataString(authority.Pem)}"));
            }
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Theory]
    [InlineData("verify-ca")]
    [InlineData("verify-full")]
    public async Task A_certificate_of_another_authority_is_refused(string mode)
    {
        await RefusedAsync("127.0.0.1", $"sslmode={mode}&sslrootcert={Uri.EscapeDataString(stranger.Pem)}");
        await RefusedAsync("127.0.0.1", $"sslmode={mode}&sslrootcert=system");
    }

    [Fact]
    public async Task A_certificate_for_another_host_is_refused_by_full_verification_alone()
    {
        Assert.True(await ConnectAsync("localhost", $"sslmode=verify-ca&sslrootcert={Uri.EscapeDataString(authority.Pem)}"));
        await RefusedAsync("localhost", $"sslmode=verify-full&sslrootcert={Uri.EscapeDataString(authority.Pem)}");
    }

    [Fact]
    public async Task A_server_without_encryption_is_taken_by_prefer_and_refused_by_require()
    {
        await SwitchAsync("off");
        Assert.False(await ConnectAsync("127.0.0.1", "sslmode=prefer"));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ConnectAsync("127.0.0.1", "sslmode=require"));
    }

    private async Task RefusedAsync(string host, string parameters)
    {
        var failure = await Assert.ThrowsAnyAsync<NpgsqlException>(() => ConnectAsync(host, parameters));
        Assert.StartsWith("no encrypted connection to ", DatabaseProblem.Describe(failure, address: null), StringComparison.Ordinal);
    }

    /// <returns>Whether the connection is encrypted.</returns>
    private async Task<bool> ConnectAsync(string host, string parameters)
    {
        var address = database.Address;
        var url =
            $"postgres://{address.Username}:{Uri.EscapeDataString(address.Password!)}@"
                + $"{host}:{address.Port.ToString(CultureInfo.InvariantCulture)}/{address.Database}?{parameters}";
        var parsed = SessionSettings.Apply(DatabaseAddress.Parse(url));
        parsed.Pooling = false;
        await using var source = NpgsqlDataSource.Create(parsed);
        await using var connection = await source.OpenConnectionAsync(TestContext.Current.CancellationToken);
        return await connection.ExecuteScalarAsync<bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    }

    /// <summary>By the server itself, into its own folder, as its own user.</summary>
    private Task WriteAsync(string name, string text) =>
        database.ExecuteAsync(
            $"COPY (SELECT unnest(string_to_array({Quoting.Literal(text)}, E'\\n'))) TO PROGRAM 'umask 077; rm -f {name}; cat > {name}'");

    private async Task SwitchAsync(string value)
    {
        await database.ExecuteAsync($"ALTER SYSTEM SET ssl = {value}");
        await database.ExecuteAsync("SELECT pg_reload_conf()");
        // Connections that begin after the postmaster has read its files know.
        await Eventually.TrueAsync(async () =>
        {
            await using var fresh = new NpgsqlConnection(
                new NpgsqlConnectionStringBuilder(database.ConnectionString) { Pooling = false }.ConnectionString);
            return await fresh.ExecuteScalarAsync<string>("SHOW ssl") == value;
        });
    }
}
