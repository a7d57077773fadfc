using System.Globalization;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Parsing;

/// <summary>Reads columns, literals, parameters, their casts, and conditions in parentheses.</summary>
static class ValueParser
{
    public static Expression Read(TokenReader reader)
    {
        var at = reader.Position;
        if (!reader.Current.IsOperator("-"))
        {
            return WithCasts(reader, Primary(reader));
        }

        // As in PostgreSQL's grammar, a minus before a number makes a negative number. It binds looser than ::, so -1::int is none.
        reader.Take();
        return reader.Nested(() => Read(reader)) is NumberLiteral number
            ? number with { At = at, Text = number.Text.StartsWith('-') ? number.Text[1..] : "-" + number.Text }
            : throw new NotCoveredException(Reasons.Expressions, at.Character);
    }

    private static Expression WithCasts(TokenReader reader, Expression operand)
    {
        while (reader.Current.IsPunctuation("::"))
        {
            RefuseUnlessConstant(reader, operand);
            reader.Take();
            operand = new CastExpression(operand.At, operand, TypeNameParser.Read(reader));
        }

        return operand;
    }

    private static Expression Primary(TokenReader reader)
    {
        var at = reader.Position;
        var token = reader.Current;
        switch (token.Kind)
        {
            case TokenKind.Integer or TokenKind.Decimal:
                reader.Take();
                return new NumberLiteral(at, token.Text, token.Kind == TokenKind.Integer);
            case TokenKind.String:
                reader.Take();
                return new StringLiteral(at, token.Text);
            case TokenKind.Parameter:
                reader.Take();
                return new ParameterReference(at, int.Parse(token.Text, CultureInfo.InvariantCulture));
            case TokenKind.Punctuation when token.Text == "(":
                return Parenthesised(reader);
            case TokenKind.Word when token.Text is "true" or "false":
                reader.Take();
                return new BooleanLiteral(at, token.Text == "true");
            case TokenKind.Word when token.Text == "null":
                reader.Take();
                return new NullLiteral(at);
            case TokenKind.Word when token.Text == "cast" && reader.Next.IsPunctuation("("):
                return CastCall(reader);
            case TokenKind.Word or TokenKind.QuotedName when TypeNameParser.BeginsTypedLiteral(reader):
                return TypedLiteral(reader);
            case TokenKind.Word or TokenKind.QuotedName:
                return NameParser.ReadColumn(reader);
            default:
                throw reader.NotCovered(Reasons.For(token));
        }
    }

    private static Expression Parenthesised(TokenReader reader)
    {
        reader.Take();
        if (QueryGate.StartsQuery(reader.Current))
        {
            throw reader.NotCovered(Reasons.Subqueries);
        }

        var inner = ExpressionParser.Read(reader);
        if (reader.Current.IsPunctuation(","))
        {
            throw reader.NotCovered(Reasons.RowComparisons);
        }

        ExpressionParser.Close(reader);
        return reader.Current.IsPunctuation(".") ? throw reader.NotCovered(Reasons.Expressions) : inner;
    }

    private static CastExpression CastCall(TokenReader reader)
    {
        var at = reader.Position;
        reader.Take();
        reader.Take();
        var operand = ExpressionParser.Read(reader);
        RefuseUnlessConstant(reader, operand);
        reader.ExpectWord("as");
        var type = TypeNameParser.Read(reader);
        ExpressionParser.Close(reader);
        return new CastExpression(at, operand, type);
    }

    private static CastExpression TypedLiteral(TokenReader reader)
    {
        var at = reader.Position;
        var type = TypeNameParser.Read(reader);
        return reader.Current.Kind == TokenKind.String
            ? new CastExpression(at, new StringLiteral(reader.Position, reader.Take().Text), type)
            : throw reader.NotCovered(Reasons.Construct);
    }

    private static void RefuseUnlessConstant(TokenReader reader, Expression operand)
    {
        if (operand is not (NumberLiteral or StringLiteral or BooleanLiteral or NullLiteral or ParameterReference))
        {
            throw reader.NotCovered("casts are answered by PostgreSQL");
        }
    }
}
