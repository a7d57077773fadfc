using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>Binds rooms of the configuration to their records. What is wrong is one line that names the key.</summary>
static partial class OptionsBinder
{
    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static T Bind<T>(IConfiguration configuration, string section)
        where T : class, new() => (T)Bind(configuration, section, typeof(T));

    /// <inheritdoc cref="Bind{T}"/>
    public static object Bind(IConfiguration configuration, string section, Type type)
    {
        object options;
        try
        {
            options = Rewritten(configuration.GetSection(section), type).Get(type) ?? Activator.CreateInstance(type)!;
        }
        catch (InvalidOperationException exception)
        {
            // "Failed to convert configuration value 'x' at 'Key' to type '…'.": the value may be a secret, so the line is ours.
            throw new OperatorException($"{section}:{Culprit(configuration.GetSection(section), type)} cannot be read; see docs/CONFIGURATION.md for what it takes", exception);
        }

        Validate(options, section);
        return options;
    }

    /// <summary>The record that a list or a dictionary of records holds; null for any other property.</summary>
    public static Type? RecordsOf(PropertyInfo property) =>
        property.PropertyType is { IsGenericType: true, GenericTypeArguments: [.., { IsClass: true } inner] } && inner != typeof(string) ? inner : null;

    public static IEnumerable<PropertyInfo> Properties(Type room) =>
        room.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.CanWrite && !property.Name.Equals("EqualityContract", StringComparison.Ordinal));

    /// <summary>Durations as .NET writes them, and lists given as one value apart: what the binder of .NET understands.</summary>
    private static IConfiguration Rewritten(IConfigurationSection section, Type type)
    {
        // Copied, because a configuration chained into another loses values that are empty.
        var values = section.AsEnumerable(makePathsRelative: true).Where(value => value.Key.Length > 0).ToDictionary(StringComparer.OrdinalIgnoreCase);
        Rewrite(section, type, "", values);
        return new ConfigurationBuilder().AddInMemoryCollection(values).Build();
    }

    private static void Rewrite(IConfigurationSection section, Type type, string prefix, Dictionary<string, string?> values)
    {
        foreach (var property in Properties(type))
        {
            var key = prefix + property.Name;
            if (RecordsOf(property) is { } inner)
            {
                var part = section.GetSection(property.Name);
                if (!string.IsNullOrEmpty(part.Value))
                {
                    throw new OperatorException($"{part.Path} must be a list, as {part.Path}:0:{Properties(inner).First().Name}=…");
                }

                foreach (var child in part.GetChildren())
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

    /// <summary>The records inside of a room, too: .NET looks at the outermost alone.</summary>
    private static void Validate(object options, string path)
    {
        var wrong = new List<ValidationResult>();
        if (!Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true))
        {
            throw new OperatorException($"{path}:{wrong[0].MemberNames.FirstOrDefault()} {Reason(wrong[0])}");
        }

        foreach (var property in Properties(options.GetType()).Where(property => RecordsOf(property) is not null))
        {
            switch (property.GetValue(options))
            {
                case IDictionary dictionary:
                    foreach (DictionaryEntry entry in dictionary)
                    {
                        Validate(entry.Value!, $"{path}:{property.Name}:{entry.Key}");
                    }

                    break;
                case IEnumerable list:
                    foreach (var (at, item) in list.Cast<object>().Index())
                    {
                        Validate(item, $"{path}:{property.Name}:{at}");
                    }

                    break;
            }
        }
    }

    private static string? Culprit(IConfigurationSection section, Type type) =>
        Properties(type).FirstOrDefault(property => section[property.Name] is { } text && property.PropertyType.IsValueType && !CanRead(property.PropertyType, text))?.Name;

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
        var text = TimeSpanText().Replace(wrong.ErrorMessage!.TrimEnd('.'), time => Duration.Format(TimeSpan.Parse(time.Value, CultureInfo.InvariantCulture)));
        var must = text.IndexOf("must be", StringComparison.Ordinal);
        return must >= 0 ? text[must..] : text;
    }

    [GeneratedRegex(@"(\d+\.)?\d\d:\d\d:\d\d(\.\d+)?", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TimeSpanText();
}
