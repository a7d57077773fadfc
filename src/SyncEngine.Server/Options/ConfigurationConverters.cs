using System.ComponentModel;
using System.Globalization;

namespace SyncEngine.Server.Options;

/// <summary>A text that is not a value of its option. The message continues the key's name, and may be shown to operators.</summary>
sealed class UnreadableValueException(string message) : FormatException(message);

/// <summary>
/// Converters for durations and lists as people write them. The binder of .NET, and its <c>[Range]</c>, ask a type's converter.
/// </summary>
static class ConfigurationConverters
{
    /// <summary>Registers the converters for the whole process.</summary>
    public static void Register()
    {
        TypeDescriptor.AddAttributes(typeof(TimeSpan), new TypeConverterAttribute(typeof(DurationConverter)));
        TypeDescriptor.AddAttributes(typeof(string[]), new TypeConverterAttribute(typeof(CommaListConverter)));
        TypeDescriptor.AddAttributes(typeof(IReadOnlyList<string>), new TypeConverterAttribute(typeof(CommaListConverter)));
    }

    private sealed class DurationConverter : TimeSpanConverter
    {
        public override object? ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) => value is not string text
            ? base.ConvertFrom(context, culture, value)
            : Duration.TryParse(text, out var duration)
                ? duration
                : throw new UnreadableValueException($"must be a duration such as 500 ms, 10 s, 2 min or 1 h, not \"{text}\"");
    }

    private sealed class CommaListConverter : TypeConverter
    {
        public override bool CanConvertFrom(ITypeDescriptorContext? context, Type sourceType) => sourceType == typeof(string);

        public override object ConvertFrom(ITypeDescriptorContext? context, CultureInfo? culture, object value) =>
            ((string)value).Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
    }
}
