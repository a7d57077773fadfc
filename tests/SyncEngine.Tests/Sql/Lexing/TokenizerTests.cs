using SyncEngine.Errors;
using SyncEngine.Sql.Lexing;
using Xunit;

namespace SyncEngine.Tests.Sql.Lexing;

public sealed class TokenizerTests
{
    [Theory]
    [InlineData("SELECT Foo", "Word:select Word:foo")]
    [InlineData("É_x$1", "Word:É_x$1")]
    [InlineData("\"A\"\"b\" \"select\"", "QuotedName:A\"b QuotedName:select")]
    [InlineData("U&\"d\\0061t\\+000061\" U&\"d!0061\" UESCAPE '!'", "QuotedName:data QuotedName:da")]
    [InlineData("'it''s' ''", "String:it's String:")]
    [InlineData("'a\\'", "String:a\\")]
    [InlineData("E'a\\'b\\\\\\t\\x41\\101\\u00e9\\U0001F600' e'\\q'", "String:a'b\\\tAAé😀 String:q")]
    [InlineData("E'\\xc3\\xa9\\ud83d\\ude00'", "String:é😀")]
    [InlineData("U&'\\D83D\\DE00\\\\ \\+01F600'", "String:😀\\ 😀")]
    [InlineData("u&'x' uescape_", "String:x Word:uescape_")]
    [InlineData("B'10' x'1F' N'q'", "BitString:10 HexString:1F Word:nchar String:q")]
    [InlineData("'a' -- b\n 'c' 'd'", "String:ac String:d")]
    [InlineData("'a'\n\n  -- one\n  -- two\n'b'", "String:ab")]
    [InlineData("'a' /*\n*/ 'b'", "String:a String:b")]
    [InlineData("E'\\n'\n'\\n'", "String:\n\n")]
    [InlineData("$$it's$$ $x$a$$b$y$$x$", "String:it's String:a$$b$y$")]
    [InlineData("a$b$ $1", "Word:a$b$ Parameter:1")]
    [InlineData(
        "1 1.5 .5 1. 1e5 1.5E-3 0x1F 0o17 0b1_0 1_000 1_0.0_1",
        "Integer:1 Decimal:1.5 Decimal:.5 Decimal:1. Decimal:1e5 Decimal:1.5E-3 Integer:0x1F Integer:0o17 Integer:0b1_0 Integer:1_000 Decimal:1_0.0_1")]
    [InlineData("1..2", "Integer:1 Punctuation:.. Integer:2")]
    [InlineData("a::int:=b", "Word:a Punctuation::: Word:int Punctuation::= Word:b")]
    [InlineData("a<-1", "Word:a Operator:< Operator:- Integer:1")]
    [InlineData("a@-1", "Word:a Operator:@- Integer:1")]
    [InlineData("a=--b\n-1", "Word:a Operator:= Operator:- Integer:1")]
    [InlineData("a*/*c*/b", "Word:a Operator:* Word:b")]
    [InlineData("a+-+b", "Word:a Operator:+ Operator:- Operator:+ Word:b")]
    [InlineData("!= <> !=- ->> |/ =>", "Operator:<> Operator:<> Operator:!=- Operator:->> Operator:|/ Operator:=>")]
    [InlineData("/* a /* b */ c */ d", "Word:d")]
    [InlineData("f($01)", "Word:f Punctuation:( Parameter:1 Punctuation:)")]
    public void Text_becomes_the_tokens_that_PostgreSQL_reads(string text, string expected) => Assert.Equal(expected, Described(text));

    [Theory]
    [InlineData("SELECT 'a", 8, "unterminated quoted string")]
    [InlineData("SELECT E'a\\'", 8, "unterminated quoted string")]
    [InlineData("é \"a", 3, "unterminated quoted identifier")]
    [InlineData("\"😀\" \"\"", 5, "zero-length delimited identifier at or near \"\"\"\"")]
    [InlineData("1 /* /* */", 3, "unterminated /* comment")]
    [InlineData("$a$ $A$", 1, "unterminated dollar-quoted string")]
    [InlineData("1x", 1, "trailing junk after numeric literal at or near \"1x\"")]
    [InlineData("1__0", 1, "trailing junk after numeric literal at or near \"1__0\"")]
    [InlineData("1e", 1, "trailing junk after numeric literal at or near \"1e\"")]
    [InlineData("0x", 1, "invalid hexadecimal integer at or near \"0x\"")]
    [InlineData("0b12", 1, "trailing junk after numeric literal at or near \"0b12\"")]
    [InlineData("$1a", 1, "trailing junk after parameter at or near \"$1a\"")]
    [InlineData("a $b", 3, "syntax error at or near \"$\"")]
    [InlineData("a {", 3, "syntax error at or near \"{\"")]
    [InlineData("E'\\0'", 1, "invalid byte sequence for encoding \"UTF8\" in an escape string")]
    [InlineData("E'\\xff'", 1, "invalid byte sequence for encoding \"UTF8\" in an escape string")]
    [InlineData("E'\\u12'", 3, "invalid Unicode escape")]
    [InlineData("E'\\ud83d'", 3, "invalid Unicode surrogate pair")]
    [InlineData("E'\\u0000'", 3, "invalid Unicode escape value")]
    [InlineData("U&'\\0000'", 4, "invalid Unicode escape value")]
    [InlineData("U&'\\12'", 4, "invalid Unicode escape")]
    [InlineData("U&'a' UESCAPE 'ab'", 15, "invalid Unicode escape character")]
    [InlineData("U&'a' UESCAPE '+'", 15, "invalid Unicode escape character")]
    [InlineData("U&'a' UESCAPE b", 7, "UESCAPE must be followed by a simple string literal")]
    public void A_token_that_PostgreSQL_refuses_is_refused_where_it_begins(string text, int position, string message)
    {
        var error = Assert.Throws<SyncException>(() => Tokenizer.Tokenize(text));
        Assert.Equal((ErrorCode.SqlSyntaxError, message, position), (error.Code, error.Message, error.Position ?? 0));
    }

    [Fact]
    public void A_text_that_cannot_be_sent_is_an_invalid_request()
    {
        // Not inline data: attributes cannot carry half a surrogate pair.
        foreach (var (text, position) in new[] { ("SELECT '\0'", 9), ("😀\ud83d", 2), ("a\ude00\ud83d", 2), ("\ud83d", 1) })
        {
            var error = Assert.Throws<SyncException>(() => Tokenizer.Tokenize(text));
            Assert.Equal((ErrorCode.InvalidRequest, position), (error.Code, error.Position ?? 0));
        }
    }

    [Fact]
    public void An_escape_that_versions_read_differently_is_refused()
    {
        var error = Assert.Throws<SyncException>(() => Tokenizer.Tokenize("SELECT E'a\\v'"));
        Assert.Equal((ErrorCode.SqlUnsupported, 11), (error.Code, error.Position ?? 0));
    }

    [Fact]
    public void Positions_count_characters_and_not_code_units()
    {
        var tokens = Tokenizer.Tokenize("'😀é'\n  a");
        Assert.Equal([1, 8, 9], tokens.Select(token => token.Position));
    }

    [Theory]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(200)]
    public void Names_are_cut_to_63_bytes(int length) =>
        Assert.Equal(new string('a', Math.Min(length, 63)), Tokenizer.Tokenize(new string('A', length))[0].Text);

    [Theory]
    [InlineData("é", 31)]
    [InlineData("€", 21)]
    [InlineData("😀", 15)]
    public void Names_are_never_cut_within_a_character(string character, int kept)
    {
        var text = string.Concat(Enumerable.Repeat(character, 40));
        Assert.Equal(string.Concat(Enumerable.Repeat(character, kept)), Tokenizer.Tokenize($"\"{text}\"")[0].Text);
        Assert.Equal(string.Concat(Enumerable.Repeat(character, kept)), Tokenizer.Tokenize(text)[0].Text);
    }

    [Fact]
    public void Nesting_is_bounded()
    {
        Assert.Equal(2001, Tokenizer.Tokenize(new string('(', 1000) + new string(')', 1000)).Count);
        var error = Assert.Throws<SyncException>(() => Tokenizer.Tokenize(new string('(', 10_000)));
        Assert.Equal((ErrorCode.SqlUnsupported, 1001), (error.Code, error.Position ?? 0));
    }

    [Fact]
    public void Operators_longer_than_a_name_are_refused() =>
        Assert.Equal("operator too long", Assert.Throws<SyncException>(() => Tokenizer.Tokenize(new string('@', 64))).Message);

    private static string Described(string text) =>
        string.Join(' ', Tokenizer.Tokenize(text).SkipLast(1).Select(token => $"{token.Kind}:{token.Text}"));
}
