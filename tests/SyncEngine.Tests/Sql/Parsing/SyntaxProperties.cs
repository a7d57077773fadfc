using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Sql;
using SyncEngine.Sql.Syntax;
using Xunit;

namespace SyncEngine.Tests.Sql.Parsing;

public sealed class SyntaxProperties
{
    private static readonly SourcePosition Nowhere = new(0);

    private static readonly Gen<string> Names = Gen.Elements("a", "B", "select", "é", "a\"b", "with space", "$x", "true");

    private static readonly Gen<ColumnReference> Columns =
        from schema in Gen.Elements<string?>(null, "s", "S")
        from table in Gen.Elements<string?>(null, "t")
        from name in Names
        select new ColumnReference(Nowhere, table is null ? null : schema, table, name);

    private static readonly Gen<Expression> Literals = Gen.OneOf(
        Gen.Elements("0", "5", "-7", "12345678901234567890").Select(Expression (text) => new NumberLiteral(Nowhere, text, IsInteger: true)),
        Gen.Elements("0.5", "-1e5", ".5").Select(Expression (text) => new NumberLiteral(Nowhere, text, IsInteger: false)),
        Gen.Elements("", "x", "it's", "back\\slash", "$$", "😀\n--").Select(Expression (text) => new StringLiteral(Nowhere, text)),
        Gen.Elements(true, false).Select(Expression (value) => new BooleanLiteral(Nowhere, value)),
        Gen.Constant<Expression>(new NullLiteral(Nowhere)),
        Gen.Choose(1, 12).Select(Expression (number) => new ParameterReference(Nowhere, number)));

    private static readonly Gen<TypeName> Types = Gen.Elements(
        new TypeName("pg_catalog", "int4", null),
        new TypeName(null, "uuid", null),
        new TypeName("s", "My type", null),
        new TypeName("pg_catalog", "numeric", "10, 2"));

    private static readonly Gen<Expression> Values = Gen.OneOf(
        Columns.Select(Expression (column) => column),
        Literals,
        from operand in Literals
        from type in Types
        select (Expression)new CastExpression(Nowhere, operand, type));

    private static readonly Gen<SelectSyntax> Statements =
        from items in Gen.NonEmptyListOf(Gen.OneOf(
            Gen.Constant<SelectItem>(new AllColumns(Nowhere)),
            Names.Select(SelectItem (table) => new AllColumnsOf(Nowhere, null, table)),
            from column in Columns
            from label in Gen.OneOf(Names.Select(string? (name) => name), Gen.Constant<string?>(null))
            select (SelectItem)new ColumnItem(Nowhere, column, label)))
        from isOnly in Gen.Elements(true, false)
        from schema in Gen.Elements<string?>(null, "s")
        from name in Names
        from alias in Gen.Elements<string?>(null, "x", "Order")
        from hasWhere in Gen.Elements(true, true, false)
        from condition in Gen.Sized(Conditions)
        from orderBy in (from key in Columns
                         from isDescending in Gen.Elements(true, false)
                         from nullsFirst in Gen.Elements<bool?>(null, true, false)
                         select new OrderItem(key, isDescending, nullsFirst)).ListOf()
        from limit in Gen.Elements<Expression?>(
            null, new NullLiteral(Nowhere), new NumberLiteral(Nowhere, "5", IsInteger: true), new ParameterReference(Nowhere, 3))
        from offset in Gen.Elements<Expression?>(null, new NumberLiteral(Nowhere, "7", IsInteger: true))
        select new SelectSyntax(
            [.. items], new TableReference(Nowhere, isOnly, schema, name, alias), hasWhere ? condition : null, [.. orderBy], limit, offset);

    [Fact]
    public void Printed_syntax_parses_to_equal_syntax() =>
        Check.One(
            Config.QuickThrowOnFailure.WithMaxTest(1500).WithEndSize(24).WithQuietOnSuccess(true),
            Prop.ForAll(Statements.ToArbitrary(), statement =>
                SelectStatement.Parse(SyntaxPrinter.Print(statement)).Syntax.IsCovered(out var again, out _) && again == statement));

    private static Gen<Expression> Conditions(int size)
    {
        if (size <= 1)
        {
            return Values;
        }

        var smaller = Conditions(size / 3);
        var several = smaller.Two().Select(pair => new[] { pair.Item1, pair.Item2 });
        var flags = Gen.Elements(true, false);
        return Gen.OneOf(
            from left in smaller
            from right in smaller
            from symbol in Gen.Elements(Enum.GetValues<ComparisonKind>())
            select (Expression)new ComparisonExpression(Nowhere, symbol, left, right),
            from operand in smaller
            from items in several
            from isNegated in flags
            select (Expression)new InListExpression(Nowhere, operand, [.. items], isNegated),
            from operand in smaller
            from ends in several
            from isNegated in flags
            select (Expression)new BetweenExpression(Nowhere, operand, ends[0], ends[1], isNegated),
            from operand in smaller
            from isNegated in flags
            select (Expression)new NullTestExpression(Nowhere, operand, isNegated),
            from operand in smaller
            from value in Gen.Elements(Enum.GetValues<TruthValue>())
            from isNegated in flags
            select (Expression)new TruthTestExpression(Nowhere, operand, value, isNegated),
            from ends in several
            from isNegated in flags
            select (Expression)new DistinctTestExpression(Nowhere, ends[0], ends[1], isNegated),
            from operand in smaller select (Expression)new NotExpression(Nowhere, operand),
            from conditions in several select AndExpression.Of(conditions),
            from conditions in several select OrExpression.Of(conditions));
    }
}
