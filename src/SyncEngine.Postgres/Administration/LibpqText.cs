using System.Text;

namespace SyncEngine.Postgres.Administration;

/// <summary>Reads libpq's form of an address: <c>name = value name='quoted \' value'</c>.</summary>
static class LibpqText
{
    /// <summary>False when the text is not of that form, as Npgsql's with semicolons is not.</summary>
    public static bool TryRead(string text, out List<(string Name, string Value)> pairs)
    {
        pairs = [];
        var at = 0;
        while (SkipSpace(text, ref at))
        {
            var equals = text.IndexOf('=', at);
            if (equals < 0)
            {
                return false;
            }

            var name = text[at..equals].TrimEnd();
            if (!LibpqKeywords.IsKnown(name))
            {
                return false;
            }

            at = equals + 1;
            SkipSpace(text, ref at);
            if (ReadValue(text, ref at) is not { } value)
            {
                return false;
            }

            pairs.Add((name, value));
        }

        return true;
    }

    /// <returns>Null when the value ends in a semicolon.</returns>
    private static string? ReadValue(string text, ref int at)
    {
        var value = new StringBuilder();
        var isQuoted = at < text.Length && text[at] == '\'';
        at += isQuoted ? 1 : 0;
        for (; at < text.Length; at++)
        {
            var character = text[at];
            if (isQuoted ? character == '\'' : char.IsWhiteSpace(character))
            {
                break;
            }

            if (character == ';' && !isQuoted)
            {
                return null;
            }

            if (character == '\\' && at + 1 < text.Length)
            {
                character = text[++at];
            }

            value.Append(character);
        }

        if (isQuoted && at++ >= text.Length)
        {
            throw AddressFault.Unreadable("a quoted value is not closed");
        }

        return value.ToString();
    }

    private static bool SkipSpace(string text, ref int at)
    {
        while (at < text.Length && char.IsWhiteSpace(text[at]))
        {
            at++;
        }

        return at < text.Length;
    }
}
