using System.Text;
using SyncEngine.Postgres.Administration;
using SyncEngine.Postgres.Outbox;
using Xunit;

namespace SyncEngine.Tests.Postgres.Outbox;

public sealed class OutboxNamesTests
{
    [Fact]
    public void Function_and_trigger_are_named_as_adbc_names_them()
    {
        var names = new OutboxNames();
        Assert.Equal(("outbox_notify", "public_outbox_trigger", "\"public\".\"outbox\""), (names.NotifyFunction, names.Trigger, names.Outbox));
    }

    [Theory]
    [InlineData('x')]
    [InlineData('ä')]
    [InlineData('表')]
    public void Long_names_fit_and_stay_distinct(char letter)
    {
        var longest = new string(letter, 63 / Encoding.UTF8.GetByteCount([letter]) - 1);
        var one = new OutboxNames(longest, longest + "1");
        var other = new OutboxNames(longest, longest + "2");
        Assert.All([one.NotifyFunction, one.Trigger], name => Assert.InRange(Encoding.UTF8.GetByteCount(name), 50, 63));
        Assert.Equal(4, new HashSet<string>([one.NotifyFunction, one.Trigger, other.NotifyFunction, other.Trigger], StringComparer.Ordinal).Count);
        Assert.EndsWith("_notify", one.NotifyFunction, StringComparison.Ordinal);
        Assert.EndsWith("_trigger", one.Trigger, StringComparison.Ordinal);
    }

    [Fact]
    public void Variables_of_scripts_become_quoted_identifiers_and_nothing_else()
    {
        var script = SqlScripts.Read("outbox/trigger.sql", new OutboxNames("my.\"schema\"", ":\"outbox_table\"").Variables);
        Assert.Contains("ON \"my.\"\"schema\"\"\".\":\"\"outbox_table\"\"\"", script, StringComparison.Ordinal);
    }
}
