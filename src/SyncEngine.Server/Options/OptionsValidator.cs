using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Options;

namespace SyncEngine.Server.Options;

/// <summary>
/// Validates a room by the annotations of its record, and of the records in its lists. A failure names the key, not the type.
/// </summary>
sealed class OptionsValidator<T>(string section) : IValidateOptions<T>
    where T : class
{
    public ValidateOptionsResult Validate(string? name, T options)
    {
        var failures = OptionsAnnotations.Failures(options, section).ToList();
        return failures.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(failures);
    }
}

static partial class OptionsAnnotations
{
    public static IEnumerable<string> Failures(object options, string path)
    {
        var wrong = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), wrong, validateAllProperties: true);
        foreach (var result in wrong)
        {
            yield return $"{path}:{result.MemberNames.FirstOrDefault()} {Reason(result)}";
        }

        var lists = OptionsBinder.Properties(options.GetType()).Where(property => OptionsBinder.RecordsOf(property) is not null);
        foreach (var property in lists)
        {
            foreach (var (key, record) in Records(property.GetValue(options)))
            {
                foreach (var failure in Failures(record, $"{path}:{property.Name}:{key}"))
                {
                    yield return failure;
                }
            }
        }
    }

    private static IEnumerable<(object Key, object Record)> Records(object? value) => value switch
    {
        IDictionary dictionary => dictionary.Keys.Cast<object>().Select(key => (key, dictionary[key]!)),
        IEnumerable list => list.Cast<object>().Select((record, at) => ((object)at, record)),
        _ => [],
    };

    private static string Reason(ValidationResult wrong)
    {
        var text = TimeSpanText().Replace(
            wrong.ErrorMessage!.TrimEnd('.'), time => Duration.Format(TimeSpan.Parse(time.Value, CultureInfo.InvariantCulture)));
        var must = text.IndexOf("must be", StringComparison.Ordinal);
        return must >= 0 ? text[must..] : text;
    }

    [GeneratedRegex(@"(\d+\.)?\d\d:\d\d:\d\d(\.\d+)?", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex TimeSpanText();
}
