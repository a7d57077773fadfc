using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Errors;
using SyncEngine.Sql;
using SyncEngine.Sql.Lexing;
using Xunit;

namespace SyncEngine.Tests.Sql.Lexing;

public sealed class TokenProperties
{
    private static readonly string[] Pieces =
    [
        "a", "B", "select", "e", "E", "u", "U&", "n", "x", "b", "é", "😀", "_", "$", "$1", "$$", "$q$", "0", "1", "1.5", ".5", "1.", "1e5",
        "0x1F", "1_0",
        "'", "''", "'it''s'", "E'\\n'", "E'\\\\'", "'\\'", "U&'\\0061'", "B'10'", "X'1F'", "N'a'", "\"", "\"a\"\"b\"", "U&\"a\"", "uescape",
        "'!'",
        "(", ")", "[", "]", ",", ";", ".", ":", "::", ":=", "..", "+", "-", "*", "/", "<", ">", "=", "!", "@", "#", "%", "^", "&", "|", "`",
        "?", "~",
        "--", "-- c\n", "/*", "*/", "/* c */", " ", "\n", "\t", "as", "into", "for", "with", "\\", "{",
    ];

    [Fact]
    public void Printed_tokens_read_as_the_same_tokens()
    {
        var read = 0;
        var texts = Gen.Elements(Pieces).ListOf().Select(pieces => string.Concat(pieces));
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(4000).WithEndSize(14).WithQuietOnSuccess(true),
            Prop.ForAll(texts.ToArbitrary(), text =>
            {
                IReadOnlyList<Token> tokens;
                try
                {
                    tokens = Tokenizer.Tokenize(text);
                }
                catch (SyncException error)
                {
                    return error.Code == ErrorCode.SqlSyntaxError && error.Position is >= 1 && error.Position <= text.Length + 1;
                }

                read++;
                var printed = TokenPrinter.Print(tokens, out var starts);
                var again = Tokenizer.Tokenize(printed);
                return again.Count == tokens.Count
                    && again.Zip(tokens).All(pair => pair.First.IsSameAs(pair.Second))
                    && again.Select(token => token.Position).SequenceEqual(starts)
                    && TokenPrinter.Print(again, out _) == printed;
            }));
        Assert.True(read > 400, $"only {read} texts were readable");
    }
}
