using Npgsql;
using SyncEngine.Postgres.Administration;
using Xunit;

namespace SyncEngine.Tests.Postgres.Administration;

public sealed class DatabaseProblemTests
{
    private static readonly NpgsqlConnectionStringBuilder address =
        new() { Host = "db", Username = "u", Password = "secret", Database = "app" };

    [Fact]
    public void A_server_without_encryption_is_an_error_with_the_setting_that_corrects_it() => Assert.Equal(
        "no encrypted connection to the database u@db:5432/app: the server does not offer it; "
            + "set sslmode=disable or sslmode=prefer in A_KEY, or switch ssl on in the server",
        DatabaseProblem.Describe(
            new NpgsqlException("SSL connection requested. No SSL enabled connection from this host is configured."), address, "A_KEY"));

    [Fact]
    public void A_message_of_the_driver_loses_its_full_stop() => Assert.Equal(
        "cannot use the database u@db:5432/app: It broke; see its log", DatabaseProblem.Describe(
            new NpgsqlException("It broke."), address, "A_KEY"));
}
