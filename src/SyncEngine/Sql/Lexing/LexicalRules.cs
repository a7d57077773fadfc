using System.Text;

namespace SyncEngine.Sql.Lexing;

/// <summary>PostgreSQL's classes of characters, and the length of names.</summary>
static class LexicalRules
{
    /// <summary>NAMEDATALEN - 1: names are truncated to it, operators may not exceed it.</summary>
    public const int MaxNameBytes = 63;

    // PostgreSQL 16 and later also count the vertical tab as white space.
    public static bool IsSpace(char character) => character is ' ' or '\t' or '\n' or '\r' or '\f' or '\v';

    public static bool IsNameStart(char character) => char.IsAsciiLetter(character) || character == '_' || character >= 0x80;

    public static bool IsNamePart(char character) => IsNameStart(character) || char.IsAsciiDigit(character) || character == '$';

    /// <summary>Truncates to 63 bytes of UTF-8, never within a character.</summary>
    public static string TruncateName(string name)
    {
        if (name.Length * 3 <= MaxNameBytes || Encoding.UTF8.GetByteCount(name) <= MaxNameBytes)
        {
            return name;
        }

        var bytes = 0;
        var length = 0;
        foreach (var rune in name.EnumerateRunes())
        {
            bytes += rune.Utf8SequenceLength;
            if (bytes > MaxNameBytes)
            {
                break;
            }

            length += rune.Utf16SequenceLength;
        }

        return name[..length];
    }
}
