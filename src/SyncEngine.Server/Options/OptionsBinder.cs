using System.ComponentModel.DataAnnotations;
using System.Reflection;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>Binds rooms of the configuration to their records. What is wrong is one line that names the key.</summary>
static class OptionsBinder
{
    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static T Bind<T>(IConfiguration configuration, string section)
        where T : class, new()
    {
        T options;
        try
        {
            options = Rewritten<T>(configuration.GetSection(section)).Get<T>() ?? new T();
        }
        catch (InvalidOperationException exception)
        {
            // "Failed to convert configuration value 'x' at 'Key' to type '…'.": the value may be a secret, so the line is ours.
            throw new OperatorException($"{section}:{Culprit<T>(configuration.GetSection(section))} cannot be read; see docs/CONFIGURATION.md for what it takes", exception);
        }

        var wrong = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true))
        {
            throw new OperatorException($"{section}:{wrong[0].MemberNames.FirstOrDefault()} {Reason(wrong[0])}");
        }

        return options;
    }

    /// <summary>Durations as .NET writes them, and lists given as one value apart: what the binder of .NET understands.</summary>
    private static IConfiguration Rewritten<T>(IConfigurationSection section)
    {
        // Copied, because a configuration chained into another loses values that are empty.
        var values = section.AsEnumerable(makePathsRelative: true).Where(value => value.Key.Length > 0).ToDictionary(StringComparer.OrdinalIgnoreCase);
        Rewrite(section, typeof(T), "", values);
        return new ConfigurationBuilder().AddInMemoryCollection(values).Build();
    }

    private static void Rewrite(IConfigurationSection section, Type type, string prefix, Dictionary<string, string?> values)
    {
        foreach (var property in Properties(type))
        {
            var key = prefix + property.Name;
            if (property.PropertyType.IsGenericType && property.PropertyType.GenericTypeArguments is [_, { IsClass: true } inner] && inner != typeof(string))
            {
                foreach (var child in section.GetSection(property.Name).GetChildren())
                {
                    Rewrite(child, inner, $"{key}:{child.Key}:", values);
                }
            }
            else if (section[property.Name] is { } text && property.PropertyType == typeof(TimeSpan))
            {
                values[key] = Duration.TryParse(text, out var duration)
                    ? duration.ToString("c")
                    : throw new OperatorException($"{section.Path}:{property.Name} must be a duration such as 500 ms, 10 s, 2 min or 1 h, not \"{text}\"");
            }
            else if (section[property.Name] is { } list && property.PropertyType.IsAssignableFrom(typeof(string[])))
            {
                values.Remove(key);
                foreach (var (at, part) in list.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Index())
                {
                    values[$"{key}:{at}"] = part;
                }
            }
        }
    }

    private static string? Culprit<T>(IConfigurationSection section) =>
        Properties(typeof(T)).FirstOrDefault(property => section[property.Name] is { } text && property.PropertyType.IsValueType && !CanRead(property.PropertyType, text))?.Name;

    private static bool CanRead(Type type, string text)
    {
        try
        {
            return System.ComponentModel.TypeDescriptor.GetConverter(type).ConvertFromInvariantString(text) is not null;
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException)
        {
            return false;
        }
    }

    private static string Reason(ValidationResult wrong)
    {
        var text = wrong.ErrorMessage!.TrimEnd('.');
        var must = text.IndexOf("must be", StringComparison.Ordinal);
        return must >= 0 ? text[must..] : text;
    }

    public static IEnumerable<PropertyInfo> Properties(Type room) =>
        room.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite && !property.Name.Equals("EqualityContract", StringComparison.Ordinal));
}
