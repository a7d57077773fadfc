using System.Reflection;
using SyncEngine.Server.Options.Adbc;

namespace SyncEngine.Server.Options;

/// <summary>
/// Finds keys under <c>SyncEngine:</c> that nothing reads: most often a typing error, which would otherwise go unnoticed.
/// </summary>
/// <remarks>They are warnings, not errors, so that an older version starts with the configuration of a newer one.</remarks>
static class UnknownKeys
{
    /// <summary>Gives one line for each, with the nearest name that exists. Variables that begin as adbc's do are included.</summary>
    public static IEnumerable<string> Find(IConfiguration configuration)
    {
        var known = AdbcKey.All.Select(key => key.Environment).ToList();
        foreach (var variable in configuration.GetChildren().Select(child => child.Key))
        {
            var isAdbcs = variable.StartsWith("ADBC_", StringComparison.OrdinalIgnoreCase);
            if (isAdbcs && !known.Contains(variable, StringComparer.OrdinalIgnoreCase))
            {
                yield return $"the variable {variable} is not known and has no effect; did you mean {Nearest(variable, known)}?";
            }
        }

        foreach (var section in configuration.GetSection(OptionRooms.Root).GetChildren())
        {
            var room = OptionRooms.All.FirstOrDefault(one => one.Section.Equals(section.Path, StringComparison.OrdinalIgnoreCase));
            if (room is null)
            {
                yield return Line(section.Path, OptionRooms.All.Select(one => one.Section));
                continue;
            }

            foreach (var line in Find(section, room.Options.ToList()))
            {
                yield return line;
            }
        }
    }

    /// <summary>Finds the unknown keys of one room, and of the records in its lists.</summary>
    private static IEnumerable<string> Find(IConfigurationSection section, IReadOnlyList<PropertyInfo> options)
    {
        foreach (var key in section.GetChildren())
        {
            var option = options.FirstOrDefault(option => option.Name.Equals(key.Key, StringComparison.OrdinalIgnoreCase));
            if (option is null)
            {
                yield return Line(key.Path, options.Select(option => $"{section.Path}:{option.Name}"));
            }
            else if (OptionsBinder.RecordsOf(option) is { } record)
            {
                foreach (var line in key.GetChildren().SelectMany(item => Find(item, OptionsBinder.Properties(record).ToList())))
                {
                    yield return line;
                }
            }
        }
    }

    /// <summary>The name that differs least.</summary>
    public static string Nearest(string name, IEnumerable<string> known) => known.MinBy(one => Distance(one, name))!;

    private static string Line(string path, IEnumerable<string> known) =>
        $"the configuration key {path} is not known and has no effect; did you mean {Nearest(path, known)}?";

    /// <summary>Levenshtein's distance, without regard to case.</summary>
    private static int Distance(string left, string right)
    {
        var previous = Enumerable.Range(0, right.Length + 1).ToArray();
        foreach (var (row, letter) in left.Index())
        {
            var current = new int[right.Length + 1];
            current[0] = row + 1;
            for (var column = 0; column < right.Length; column++)
            {
                var substituted = previous[column] + (char.ToUpperInvariant(letter) == char.ToUpperInvariant(right[column]) ? 0 : 1);
                current[column + 1] = Math.Min(substituted, Math.Min(previous[column + 1], current[column]) + 1);
            }

            previous = current;
        }

        return previous[^1];
    }
}
