using System.Globalization;
using System.Text;
using System.Text.Json;
using SyncEngine.Errors;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>
/// Converts a parameter's JSON value to PostgreSQL's text of its type: numbers from number or string, arrays from JSON arrays, json from
/// any JSON.
/// </summary>
static class ParameterText
{
    /// <param name="number">n of $n, for the message.</param>
    /// <exception cref="SyncException">type_mismatch</exception>
    public static string? Of(JsonElement value, SqlType type, int number)
    {
        if (value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        var below = type.Underlying;
        if (below.Oid is TypeOid.Json or TypeOid.Jsonb)
        {
            return Checked(value.GetRawText(), number);
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => Checked(Text(value, number), number),
            JsonValueKind.Number => value.GetRawText(),
            JsonValueKind.True => "true",
            JsonValueKind.False => "false",
            JsonValueKind.Array when below is { Kind: SqlTypeKind.Array, Element: { } element } => ArrayText(value, element, number),
            _ => throw Mismatch(value, type, number),
        };
    }

    /// <summary>
    /// The canonical text where the engine knows it: integers in range, booleans, uuids and text. Null where only PostgreSQL knows it.
    /// </summary>
    public static string? Canonical(string text, SqlType type) => type.Oid switch
    {
        TypeOid.Text => text,
        TypeOid.Int2 => CanonicalInteger(text, short.MinValue, short.MaxValue),
        TypeOid.Int4 => CanonicalInteger(text, int.MinValue, int.MaxValue),
        TypeOid.Int8 => CanonicalInteger(text, long.MinValue, long.MaxValue),
        TypeOid.Bool when text is "true" or "t" => "t",
        TypeOid.Bool when text is "false" or "f" => "f",
        TypeOid.Uuid when Guid.TryParseExact(text, "D", out var value) => value.ToString("D"),
        _ => null,
    };

    private static string? CanonicalInteger(string text, long min, long max) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value) && value >= min && value <= max
            ? value.ToString(CultureInfo.InvariantCulture)
            : null;

    private static string ArrayText(JsonElement array, SqlType element, int number)
    {
        var text = new StringBuilder("{");
        var isFirst = true;
        foreach (var item in array.EnumerateArray())
        {
            if (!isFirst)
            {
                text.Append(element.Delimiter == '\0' ? ',' : element.Delimiter);
            }

            isFirst = false;
            if (item.ValueKind == JsonValueKind.Array && element.Underlying.Oid is not (TypeOid.Json or TypeOid.Jsonb))
            {
                text.Append(ArrayText(item, element, number));
            }
            else if (Of(item, element, number) is { } value)
            {
                text.Append('"').Append(value.Replace("\\", "\\\\").Replace("\"", "\\\"")).Append('"');
            }
            else
            {
                text.Append("NULL");
            }
        }

        return text.Append('}').ToString();
    }

    private static string Text(JsonElement value, int number)
    {
        try
        {
            return value.GetString()!;
        }
        catch (InvalidOperationException)
        {
            throw new SyncException(
                ErrorCode.InvalidRequest, $"parameter ${number} contains half of a surrogate pair", "It has no encoding in UTF-8.");
        }
    }

    private static string Checked(string text, int number) => text.Contains('\0')
        ? throw new SyncException(ErrorCode.InvalidRequest, $"parameter ${number} contains a NUL character", "PostgreSQL cannot store it.")
        : text;

    private static SyncException Mismatch(JsonElement value, SqlType type, int number)
    {
        var given = value.ValueKind.ToString().ToLowerInvariant();
        return new SyncException(
            ErrorCode.TypeMismatch, $"parameter ${number} is of type {type.DisplayName}, and a JSON {given} was given");
    }
}
