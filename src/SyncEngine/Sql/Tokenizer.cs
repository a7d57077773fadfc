using System.Buffers;
using System.Text;
using SyncEngine.Errors;

namespace SyncEngine.Sql;

/// <summary>
/// Splits a query into tokens by PostgreSQL's lexical rules, so that what is read here is what the server would read.
/// </summary>
/// <remarks>
/// Source: src/backend/parser/scan.l and parser.c (UESCAPE), with <c>standard_conforming_strings</c> on and the number syntax of 16.
/// One method per token class; strings are in Tokenizer.Strings.cs. The caller bounds the length of the text; nesting is bounded here.
/// </remarks>
public sealed partial class Tokenizer
{
    /// <summary>How deep parentheses and brackets may nest.</summary>
    public const int MaxDepth = 1000;

    /// <summary>NAMEDATALEN - 1: names are cut to it, operators may not exceed it.</summary>
    private const int MaxNameBytes = 63;

    private const string OperatorCharacters = "~!@#^&|`?+-*/%<>=";
    private const string SingleCharacters = ",()[].;:";

    private readonly string text;
    private readonly List<Token> tokens = [];
    private int at;
    private int depth;

    // Offsets are UTF-16, positions are code points; both grow together.
    private int countedOffset;
    private int countedPosition = 1;

    private Tokenizer(string text) => this.text = text;

    /// <summary>All tokens, the last being <see cref="TokenKind.End"/>.</summary>
    /// <exception cref="SyncException">sql_syntax_error where PostgreSQL's scanner would refuse, sql_unsupported for nesting, invalid_request for text that PostgreSQL cannot be sent.</exception>
    public static IReadOnlyList<Token> Tokenize(string text)
    {
        var tokenizer = new Tokenizer(text);
        tokenizer.RefuseWhatCannotBeSent();
        tokenizer.Run();
        return tokenizer.tokens;
    }

    private void RefuseWhatCannotBeSent()
    {
        for (var offset = 0; offset < text.Length; offset++)
        {
            if (text[offset] == '\0')
            {
                throw new SyncException(ErrorCode.InvalidRequest, "the query contains a NUL character") { Position = PositionOf(offset) };
            }

            if (offset + 1 < text.Length && char.IsSurrogatePair(text[offset], text[offset + 1]))
            {
                offset++;
            }
            else if (char.IsSurrogate(text[offset]))
            {
                throw new SyncException(ErrorCode.InvalidRequest, "the query contains half of a surrogate pair") { Position = PositionOf(offset) };
            }
        }

    }

    private void Run()
    {
        while (SkipBlanks())
        {
            Next();
        }

        Add(TokenKind.End, "", text.Length);
    }

    private void Next()
    {
        var start = at;
        var first = text[at];
        if (BeginsQuoted(first))
        {
            Quoted();
        }
        else if (IsNameStart(first))
        {
            Word();
        }
        else if (char.IsAsciiDigit(first) || (first == '.' && char.IsAsciiDigit(Ahead(1))))
        {
            Number();
        }
        else if (first == '$')
        {
            Dollar();
        }
        else if (SingleCharacters.Contains(first, StringComparison.Ordinal))
        {
            Punctuation(first);
        }
        else if (OperatorCharacters.Contains(first, StringComparison.Ordinal))
        {
            Operator();
        }
        else
        {
            throw SyntaxErrorNear(CharacterAt(start), start);
        }
    }

    /// <summary>Skips white space and comments; false at the end of the text.</summary>
    private bool SkipBlanks()
    {
        while (at < text.Length)
        {
            if (IsSpace(text[at]))
            {
                at++;
            }
            else if (text[at] == '-' && Ahead(1) == '-')
            {
                SkipLine();
            }
            else if (text[at] == '/' && Ahead(1) == '*')
            {
                SkipBlockComment();
            }
            else
            {
                return true;
            }
        }

        return false;
    }

    private void SkipLine()
    {
        while (at < text.Length && text[at] is not ('\n' or '\r'))
        {
            at++;
        }
    }

    private void SkipBlockComment()
    {
        var start = at;
        var open = 0;
        do
        {
            if (at >= text.Length)
            {
                throw SyntaxError("unterminated /* comment", start, "Close every /* with */; block comments nest.");
            }

            if (text[at] == '/' && Ahead(1) == '*')
            {
                open++;
                at += 2;
            }
            else if (text[at] == '*' && Ahead(1) == '/')
            {
                open--;
                at += 2;
            }
            else
            {
                at++;
            }
        }
        while (open > 0);
    }

    private void Word()
    {
        var start = at;
        while (at < text.Length && IsNamePart(text[at]))
        {
            at++;
        }

        // Only ASCII is folded: what is beyond it PostgreSQL keeps in any multi-byte encoding.
        var folded = string.Create(at - start, (text, start), static (name, source) =>
        {
            for (var index = 0; index < name.Length; index++)
            {
                var character = source.text[source.start + index];
                name[index] = char.IsAsciiLetterUpper(character) ? (char)(character | 0x20) : character;
            }
        });
        Add(TokenKind.Word, CutToNameLength(folded), start);
    }

    private void Number()
    {
        var start = at;
        var isDecimal = false;
        if (text[at] == '0' && Ahead(1) is 'x' or 'X' or 'o' or 'O' or 'b' or 'B')
        {
            RadixDigits(start);
        }
        else
        {
            DecimalDigits();
            if (at < text.Length && text[at] == '.' && !(at > start && Ahead(1) == '.'))
            {
                isDecimal = true;
                at++;
                DecimalDigits();
            }

            if (at < text.Length && text[at] is 'e' or 'E')
            {
                var digits = Ahead(1) is '+' or '-' ? 2 : 1;
                if (char.IsAsciiDigit(Ahead(digits)))
                {
                    isDecimal = true;
                    at += digits;
                    DecimalDigits();
                }
            }
        }

        if (at < text.Length && IsNameStart(text[at]))
        {
            while (at < text.Length && IsNamePart(text[at]))
            {
                at++;
            }

            throw SyntaxError($"trailing junk after numeric literal at or near \"{text[start..at]}\"", start, "Put a space between the number and what follows.");
        }

        Add(isDecimal ? TokenKind.Decimal : TokenKind.Integer, text[start..at], start);
    }

    /// <summary>decinteger: digits, single underscores between them.</summary>
    private void DecimalDigits()
    {
        if (!char.IsAsciiDigit(Ahead(0)))
        {
            return;
        }

        while (char.IsAsciiDigit(Ahead(0)) || (Ahead(0) == '_' && char.IsAsciiDigit(Ahead(1))))
        {
            at++;
        }
    }

    /// <summary>0x…, 0o…, 0b…; an underscore may stand before any digit.</summary>
    private void RadixDigits(int start)
    {
        var radix = char.ToLowerInvariant(Ahead(1));
        at += 2;
        var first = at;
        bool IsDigit(char character) => radix switch
        {
            'x' => char.IsAsciiHexDigit(character),
            'o' => character is >= '0' and <= '7',
            _ => character is '0' or '1',
        };
        while (IsDigit(Ahead(0)) || (Ahead(0) == '_' && IsDigit(Ahead(1))))
        {
            at++;
        }

        if (at == first)
        {
            var name = radix switch { 'x' => "hexadecimal", 'o' => "octal", _ => "binary" };
            throw SyntaxError($"invalid {name} integer at or near \"{text[start..at]}\"", start);
        }

        if (char.IsAsciiDigit(Ahead(0)))
        {
            throw SyntaxError($"trailing junk after numeric literal at or near \"{text[start..(at + 1)]}\"", start);
        }
    }

    private void Dollar()
    {
        var start = at;
        if (char.IsAsciiDigit(Ahead(1)))
        {
            at++;
            while (char.IsAsciiDigit(Ahead(0)))
            {
                at++;
            }

            if (IsNameStart(Ahead(0)))
            {
                throw SyntaxError($"trailing junk after parameter at or near \"{text[start..(at + 1)]}\"", start, "Put a space between the parameter and what follows.");
            }

            // Leading zeros are nothing to PostgreSQL either: $01 is $1.
            var number = text[(start + 1)..at].TrimStart('0');
            Add(TokenKind.Parameter, number.Length == 0 ? "0" : number, start);
            return;
        }

        var tagEnd = at + 1;
        if (IsNameStart(Ahead(1)))
        {
            while (tagEnd < text.Length && IsNamePart(text[tagEnd]) && text[tagEnd] != '$')
            {
                tagEnd++;
            }
        }

        if (tagEnd >= text.Length || text[tagEnd] != '$')
        {
            throw SyntaxErrorNear("$", start);
        }

        DollarQuoted(text[start..(tagEnd + 1)]);
    }

    private void Punctuation(char first)
    {
        var start = at;
        var two = (first, Ahead(1)) is (':', ':') or (':', '=') or ('.', '.');
        at += two ? 2 : 1;
        Add(TokenKind.Punctuation, text[start..at], start);
        if (first is '(' or '[' && ++depth > MaxDepth)
        {
            throw new SyncException(ErrorCode.SqlUnsupported, $"parentheses are nested more than {MaxDepth} deep", hint: "Write the expression with fewer parentheses.")
            {
                Position = tokens[^1].Position,
            };
        }

        if (first is ')' or ']')
        {
            depth--;
        }
    }

    /// <summary>The longest run of operator characters, less what scan.l gives back.</summary>
    private void Operator()
    {
        var start = at;
        var length = 1;
        while (start + length < text.Length && OperatorCharacters.Contains(text[start + length], StringComparison.Ordinal))
        {
            length++;
        }

        var run = text.AsSpan(start, length);
        var comment = Math.Min((uint)run.IndexOf("--", StringComparison.Ordinal), (uint)run.IndexOf("/*", StringComparison.Ordinal));
        if (comment < length)
        {
            length = (int)comment;
            run = run[..length];
        }

        // A + or - ends an operator of several characters only beside one that SQL does not know: "@-" is one operator, "=-" is two.
        if (length > 1 && run[^1] is '+' or '-' && run[..^1].IndexOfAny("~!@#^&|`?%") < 0)
        {
            while (length > 1 && run[length - 1] is '+' or '-')
            {
                length--;
            }
        }

        if (length > MaxNameBytes)
        {
            throw SyntaxError("operator too long", start);
        }

        at += length;
        var name = text[start..at];
        Add(TokenKind.Operator, name == "!=" ? "<>" : name, start);
    }

    private void Add(TokenKind kind, string value, int offset) => tokens.Add(new Token(kind, value, PositionOf(offset)));

    private char Ahead(int distance) => at + distance < text.Length ? text[at + distance] : '\0';

    private string CharacterAt(int offset) =>
        char.IsHighSurrogate(text[offset]) ? text.Substring(offset, 2) : text[offset].ToString();

    // 16 and later take the vertical tab for white space, too.
    private static bool IsSpace(char character) => character is ' ' or '\t' or '\n' or '\r' or '\f' or '\v';

    private static bool IsNameStart(char character) => char.IsAsciiLetter(character) || character == '_' || character >= 0x80;

    private static bool IsNamePart(char character) => IsNameStart(character) || char.IsAsciiDigit(character) || character == '$';

    /// <summary>Cuts at 63 bytes of UTF-8, never within a character.</summary>
    private static string CutToNameLength(string name)
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

    private int PositionOf(int offset)
    {
        for (; countedOffset > offset; countedOffset--)
        {
            if (!char.IsLowSurrogate(text[countedOffset - 1]))
            {
                countedPosition--;
            }
        }

        for (; countedOffset < offset; countedOffset++)
        {
            if (!char.IsLowSurrogate(text[countedOffset]))
            {
                countedPosition++;
            }
        }

        return countedPosition;
    }

    private SyncException SyntaxErrorNear(string near, int offset) => SyntaxError($"syntax error at or near \"{near}\"", offset);

    private SyncException SyntaxError(string message, int offset, string? hint = null) =>
        new(ErrorCode.SqlSyntaxError, message, hint: hint) { Position = PositionOf(offset) };
}
