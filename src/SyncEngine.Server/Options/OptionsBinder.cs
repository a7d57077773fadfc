using System.Reflection;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;
using SyncEngine.Postgres.Administration;

namespace SyncEngine.Server.Options;

/// <summary>
/// Binds and validates rooms of the configuration, with the binder and the options factory of .NET. A failure is one line that names the
/// key.
/// </summary>
/// <remarks>Decision: docs/decisions/options-of-dotnet.md.</remarks>
static partial class OptionsBinder
{
    static OptionsBinder() => ConfigurationConverters.Register();

    /// <exception cref="OperatorException">A value that cannot be read, or is out of its bounds.</exception>
    public static T Bind<T>(IConfiguration configuration, string section)
        where T : class, new()
    {
        var part = configuration.GetSection(section);
        RequireLists(part, typeof(T));
        return Create([part], new OptionsValidator<T>(section));
    }

    /// <summary>Binds one record to several sections, in order. The records of those rooms validate the values.</summary>
    public static T BindAll<T>(IConfiguration configuration, IEnumerable<string> sections)
        where T : class, new() => Create<T>([.. sections.Select(configuration.GetSection)]);

    /// <summary>The record that a list or a dictionary of records holds; null for any other property.</summary>
    public static Type? RecordsOf(PropertyInfo property)
    {
        var inner = property.PropertyType.IsGenericType ? property.PropertyType.GenericTypeArguments[^1] : null;
        return inner is { IsClass: true } && inner != typeof(string) ? inner : null;
    }

    public static IEnumerable<PropertyInfo> Properties(Type room) => room
        .GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.CanWrite && !property.Name.Equals("EqualityContract", StringComparison.Ordinal));

    private static T Create<T>(IReadOnlyList<IConfigurationSection> sections, params IValidateOptions<T>[] validators)
        where T : class, new()
    {
        var setups = sections.Select(section => new NamedConfigureFromConfigurationOptions<T>(name: null, section));
        var factory = new OptionsFactory<T>(setups, [], validators);
        try
        {
            return factory.Create(Microsoft.Extensions.Options.Options.DefaultName);
        }
        catch (OptionsValidationException wrong)
        {
            throw new OperatorException(wrong.Failures.First(), wrong);
        }
        catch (InvalidOperationException unreadable) when (Unreadable().Match(unreadable.Message) is { Success: true } match)
        {
            // The message of .NET has the value, which may be a secret, so the line is ours.
            var reason = unreadable.InnerException is UnreadableValueException value
                ? value.Message
                : "cannot be read; see docs/CONFIGURATION.md for its values";
            throw new OperatorException($"{match.Groups["key"].Value} {reason}", unreadable);
        }
    }

    /// <summary>The binder of .NET ignores a text where a list of records belongs.</summary>
    private static void RequireLists(IConfigurationSection section, Type type)
    {
        foreach (var property in Properties(type))
        {
            if (RecordsOf(property) is { } record && section.GetSection(property.Name) is { Value.Length: > 0 } text)
            {
                throw new OperatorException($"{text.Path} must be a list, as {text.Path}:0:{Properties(record).First().Name}=…");
            }
        }
    }

    [GeneratedRegex(
        @"^.* at '(?<key>[^']*)' to type '[^']*'\.$",
        RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture | RegexOptions.Singleline,
        1000)]
    private static partial Regex Unreadable();
}
