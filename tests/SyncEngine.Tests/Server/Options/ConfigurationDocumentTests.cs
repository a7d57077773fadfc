using System.Collections;
using System.Globalization;
using SyncEngine.Server.Options;
using SyncEngine.Server.Options.Adbc;
using Xunit;

namespace SyncEngine.Tests.Server.Options;

public sealed class ConfigurationDocumentTests
{
    [Fact]
    public void The_document_lists_every_option_with_its_default_and_effect()
    {
        var documented = Repository.TableRows("docs/CONFIGURATION.md").ToDictionary(
            row => row[0].Trim('`'), row => (Default: row[1], Effect: row[2]), StringComparer.Ordinal);
        var actual =
            from room in OptionRooms.All
            let defaults = Activator.CreateInstance(room.Type)
            from property in room.Options
            select $"{room.Section}:{property.Name} = {Text(property.Name, property.GetValue(defaults))}";

        Assert.Equal(
            actual.Order(StringComparer.Ordinal),
            documented.Select(option => $"{option.Key} = {option.Value.Default}").Order(StringComparer.Ordinal));
        Assert.All(documented.Values, option => Assert.True(option.Effect.Length > 20));
    }

    [Fact]
    public void The_document_lists_every_key_of_adbc_under_its_three_names()
    {
        var document = Repository.Read("docs/CONFIGURATION.md");
        Assert.All(
            AdbcKey.All,
            key => Assert.Contains($"| {key.Path} | `{key.Environment}` | `--{key.Flag}` |", document, StringComparison.Ordinal));
    }

    private static string Text(string name, object? value) => value switch
    {
        null => "none",
        string text => text,
        Enum choice => choice.ToString().ToLowerInvariant(),
        bool isSet => isSet ? "true" : "false",
        TimeSpan duration => Duration.Format(duration),
        int or long when name.Contains("Bytes", StringComparison.Ordinal) => Bytes(Convert.ToInt64(value, CultureInfo.InvariantCulture)),
        IFormattable number => number.ToString("N0", CultureInfo.InvariantCulture),
        IEnumerable list => list.Cast<object>().Any() ? string.Join(", ", list.Cast<object>()) : "none",
        _ => throw new System.Diagnostics.UnreachableException(),
    };

    private static string Bytes(long bytes) => bytes % (1024 * 1024) == 0 ? $"{bytes / 1024 / 1024} MiB" : $"{bytes / 1024} KiB";
}
