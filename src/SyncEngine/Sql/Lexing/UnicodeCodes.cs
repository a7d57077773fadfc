using System.Globalization;
using System.Text;

namespace SyncEngine.Sql.Lexing;

/// <summary>The rules that both notations of Unicode escapes share.</summary>
static class UnicodeCodes
{
    /// <summary>Reads hexadecimal digits; null when there are not as many.</summary>
    public static uint? Parse(string text, int start, int length) =>
        start + length <= text.Length
            && uint.TryParse(text.AsSpan(start, length), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var code)
            ? code
            : null;

    /// <summary>The code point of two halves; null when the second is not a low surrogate.</summary>
    public static uint? Pair(uint high, uint low) =>
        low is >= 0xDC00 and <= 0xDFFF ? 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00) : null;

    /// <exception cref="Errors.SyncException">sql_syntax_error for NUL, a lone surrogate, or a code beyond Unicode.</exception>
    public static Rune Rune(TextCursor cursor, uint code, int offset) =>
        code != 0 && System.Text.Rune.TryCreate(code, out var rune)
            ? rune
            : throw cursor.SyntaxError(
                code is >= 0xDC00 and <= 0xDFFF ? "invalid Unicode surrogate pair" : "invalid Unicode escape value", offset);
}
