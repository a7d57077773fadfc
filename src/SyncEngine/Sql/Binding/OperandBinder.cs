using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.Sql.Syntax;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// Lifts literals and parameters out of the query, where it is certain that PostgreSQL compares them by the column's own rule.
/// PostgreSQL infers the types of parameters; they are checked against its description later.
/// </summary>
sealed class OperandBinder
{
    private readonly ImmutableArray<BoundOperand>.Builder operands = ImmutableArray.CreateBuilder<BoundOperand>();

    public ImmutableArray<BoundOperand> Operands => operands.ToImmutable();

    /// <returns>The operand's index.</returns>
    public int Bind(Expression operand, Column column)
    {
        operands.Add(new BoundOperand(column, column.Type, operand switch
        {
            ParameterReference parameter => new ParameterSource(parameter.Number, CastTo: null),
            CastExpression cast => Cast(cast, column),
            _ => new LiteralSource(Literal(operand, column.Type.Oid)),
        }));
        return operands.Count - 1;
    }

    private static OperandSource Cast(CastExpression cast, Column column)
    {
        var type = ComparableTypeNamed(cast.Type);
        if (type is not { } oid || cast.Type.Modifier is not null || !ComparableTypes.CompareAlike(oid, column.Type.Oid))
        {
            throw Refuse("casts to another type than the column's are answered by PostgreSQL", cast);
        }

        if (cast.Operand is ParameterReference parameter)
        {
            return new ParameterSource(parameter.Number, oid);
        }

        var text = Literal(cast.Operand, oid);
        return text is null || LiteralForms.IsPlain(text, column.Type.Oid)
            ? new LiteralSource(text)
            : throw Refuse("literals beyond the column's type are answered by PostgreSQL", cast);
    }

    /// <summary>The literal's text, when PostgreSQL reads it as a value of the type; null for NULL.</summary>
    private static string? Literal(Expression literal, uint type)
    {
        var text = literal switch
        {
            NullLiteral => null,
            StringLiteral value => value.Value,
            BooleanLiteral value when type == TypeOid.Bool => value.Value ? "true" : "false",
            NumberLiteral number when type == TypeOid.Numeric || (number.IsInteger && ComparableTypes.IsInteger(type)) => number.Text,
            _ => throw Refuse("operands of another type than the column's are answered by PostgreSQL", literal),
        };

        return text is null || LiteralForms.IsPlain(text, type)
            ? text
            : throw Refuse("literals in this form are answered by PostgreSQL", literal);
    }

    /// <summary>The OID of a built-in type. Its name resolves to pg_catalog before anything on the search path.</summary>
    private static uint? ComparableTypeNamed(TypeName type) => type.Schema is not (null or "pg_catalog")
        ? null
        : type.Name switch
        {
            "int2" => TypeOid.Int2,
            "int4" => TypeOid.Int4,
            "int8" => TypeOid.Int8,
            "text" => TypeOid.Text,
            "varchar" => TypeOid.VarChar,
            "uuid" => TypeOid.Uuid,
            "bool" => TypeOid.Bool,
            "numeric" => TypeOid.Numeric,
            "date" => TypeOid.Date,
            "timestamp" => TypeOid.Timestamp,
            "timestamptz" => TypeOid.TimestampTz,
            _ => null,
        };

    private static NotCoveredException Refuse(string reason, Expression at) => new(reason, at.At.Character);
}
