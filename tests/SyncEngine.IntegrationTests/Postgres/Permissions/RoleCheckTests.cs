using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Ports;
using SyncEngine.Postgres.Permissions;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.IntegrationTests.Postgres.Permissions;

public sealed class RoleCheckTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly ManualTime time = new();
    private TestDatabase database = null!;
    private NpgsqlDataSource engine = null!;

    public async ValueTask InitializeAsync()
    {
        database = await postgres.CreateDatabaseAsync();
        await DropRolesAsync();
        await database.ExecuteAsync("""
            CREATE ROLE rc_engine LOGIN PASSWORD 'engine';
            CREATE ROLE rc_member;
            CREATE ROLE rc_indirect;
            CREATE ROLE rc_stranger;
            CREATE ROLE rc_super SUPERUSER;
            CREATE ROLE rc_bypass BYPASSRLS;
            CREATE ROLE "rc_Mixed ""name";
            GRANT rc_member, rc_super, rc_bypass, "rc_Mixed ""name" TO rc_engine;
            GRANT rc_indirect TO rc_member
            """);
        engine = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(database.ConnectionString) { Username = "rc_engine", Password = "engine" });
    }

    public async ValueTask DisposeAsync()
    {
        await engine.DisposeAsync();
        await DropRolesAsync();
        await database.DisposeAsync();
    }

    [Theory]
    [InlineData("rc_member", RoleStatus.Usable)]
    [InlineData("rc_indirect", RoleStatus.Usable)]
    [InlineData("rc_engine", RoleStatus.Usable)]
    [InlineData("rc_Mixed \"name", RoleStatus.Usable)]
    [InlineData("rc_stranger", RoleStatus.NotGranted)]
    [InlineData("rc_super", RoleStatus.Superuser)]
    [InlineData("rc_bypass", RoleStatus.BypassesRowSecurity)]
    [InlineData("rc_missing", RoleStatus.Unknown)]
    [InlineData("RC_MEMBER", RoleStatus.Unknown)]
    [InlineData("none", RoleStatus.Unknown)]
    [InlineData("", RoleStatus.Unknown)]
    [InlineData("rc_member\0", RoleStatus.Unknown)]
    [InlineData("rc_member' OR true --", RoleStatus.Unknown)]
    public async Task A_role_has_the_status_that_PostgreSQL_reports(string role, RoleStatus status)
    {
        Assert.Equal(status, await new RoleCheck(engine, time).CheckAsync(role, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_name_that_PostgreSQL_would_cut_is_another_name()
    {
        var name = $"rc_{new string('x', 60)}";
        await database.ExecuteAsync($"CREATE ROLE {name}; GRANT {name} TO rc_engine");
        var check = new RoleCheck(engine, time);

        Assert.Equal(RoleStatus.Usable, await check.CheckAsync(name, TestContext.Current.CancellationToken));
        Assert.Equal(RoleStatus.Unknown, await check.CheckAsync($"{name}y", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_change_is_seen_when_the_answer_is_old()
    {
        var check = new RoleCheck(engine, time);
        Assert.Equal(RoleStatus.Usable, await check.CheckAsync("rc_member", TestContext.Current.CancellationToken));
        await database.ExecuteAsync("REVOKE rc_member FROM rc_engine");

        Assert.Equal(RoleStatus.Usable, await check.CheckAsync("rc_member", TestContext.Current.CancellationToken));
        time.Now += TimeSpan.FromSeconds(2);
        Assert.Equal(RoleStatus.NotGranted, await check.CheckAsync("rc_member", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_membership_without_SET_is_none()
    {
        Assert.SkipUnless(postgres.Major >= 16, "WITH SET exists since 16");
        await database.ExecuteAsync("GRANT rc_stranger TO rc_engine WITH SET FALSE");

        Assert.Equal(
            RoleStatus.NotGranted, await new RoleCheck(engine, time).CheckAsync("rc_stranger", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Without_a_database_no_role_is_judged()
    {
        await using var nowhere = NpgsqlDataSource.Create("Host=127.0.0.1;Port=1;Username=x;Timeout=1");

        var error = await Assert.ThrowsAsync<SyncException>(
            () => new RoleCheck(nowhere, time).CheckAsync("rc_member", TestContext.Current.CancellationToken).AsTask());
        Assert.Equal(ErrorCode.SourceUnavailable, error.Code);
    }

    private Task DropRolesAsync() => database.ExecuteAsync("""
        DO $$
        DECLARE role text;
        BEGIN
            FOR role IN SELECT rolname FROM pg_roles WHERE rolname LIKE 'rc\_%' LOOP
                EXECUTE format('DROP ROLE %I', role);
            END LOOP;
        END $$
        """);
}
