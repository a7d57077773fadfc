using System.Text;
using SyncEngine.Observability;
using SyncEngine.Server.Observability;
using Xunit;

namespace SyncEngine.Tests.Server.Observability;

public sealed class HealthRegistryTests
{
    private readonly ManualTime time = new();

    [Fact]
    public void The_whole_is_up_when_every_part_is()
    {
        HealthPart database = new("database", time), slot = new("replication", time);
        var registry = new HealthRegistry([database, slot]);

        Assert.Equal(HealthStatus.Starting, registry.Report().Status);
        database.Up();
        Assert.Equal(HealthStatus.Starting, registry.Report().Status);
        slot.Up();
        Assert.Equal(HealthStatus.Up, registry.Report().Status);
        database.Starting();
        slot.Down("the slot is lost");
        Assert.Equal(HealthStatus.Down, registry.Report().Status);
    }

    [Fact]
    public void A_part_keeps_since_when_it_has_its_status()
    {
        var start = time.Now;
        var part = new HealthPart("database", time);
        time.Now += TimeSpan.FromSeconds(1);
        part.Down("refused");
        time.Now += TimeSpan.FromSeconds(1);
        part.Down("refused again");

        Assert.Equal(new HealthState(HealthStatus.Down, "refused again", start.AddSeconds(1)), part.State);
    }

    [Fact]
    public void The_report_names_each_part_with_status_lag_and_detail()
    {
        var part = new HealthPart("replication", time) { Lag = () => new HealthLag(Bytes: 42) };
        part.Down("reconnecting");
        var report = new HealthRegistry([part]).Report();

        Assert.Equal(
            $$$$$"""{"status":"down","version":"{{{{{ServerVersion.Text}}}}}","parts":{"replication":{"status":"down","detail":"reconnecting","since":"2026-11-20T12:00:00+00:00","lag":{"bytes":42}}}}""",
            Encoding.UTF8.GetString(report.ToJson()));
    }

    [Fact]
    public void Two_parts_of_one_name_are_a_mistake()
    {
        Assert.Throws<InvalidOperationException>(() => new HealthRegistry([new HealthPart("a", time), new HealthPart("a", time)]));
    }
}
