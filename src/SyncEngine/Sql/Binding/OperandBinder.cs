using System.Collections.Immutable;
using SyncEngine.Sql.Catalog;
using SyncEngine.Sql.Syntax;
using SyncEngine.Values;

namespace SyncEngine.Sql.Binding;

/// <summary>
/// Lifts literals and parameters into slots, where it is certain that PostgreSQL compares them with the column by the column's own rule.
/// </summary>
sealed class OperandBinder(ImmutableArray<SqlType> parameters)
{
    private readonly ImmutableArray<Slot>.Builder slots = ImmutableArray.CreateBuilder<Slot>();

    public ImmutableArray<Slot> Slots => slots.ToImmutable();

    /// <summary>The index of the operand's slot.</summary>
    public int Bind(Expression operand, Column column)
    {
        slots.Add(operand switch
        {
            ParameterReference parameter => Parameter(parameter, column),
            Cast cast => OfCast(cast, column),
            _ => new Slot(column.Type, new LiteralSource(Literal(operand, column.Type.Oid))),
        });
        return slots.Count - 1;
    }

    private Slot Parameter(ParameterReference parameter, Column column)
    {
        var type = parameter.Number <= parameters.Length ? parameters[parameter.Number - 1] : throw Refuse("Postgres describes the parameters differently", parameter);
        return ComparableTypes.CompareAlike(type.Oid, column.Type.Oid)
            ? new Slot(type, new ParameterSource(parameter.Number))
            : throw Refuse($"${parameter.Number} is of type {type.DisplayName}, the column \"{column.Name}\" of type {column.Type.DisplayName}", parameter);
    }

    private Slot OfCast(Cast cast, Column column)
    {
        var type = ComparableTypeNamed(cast.Type);
        if (type is not { } oid || cast.Type.Modifier is not null || !ComparableTypes.CompareAlike(oid, column.Type.Oid))
        {
            throw Refuse("casts to another type than the column's are answered by Postgres", cast);
        }

        if (cast.Operand is ParameterReference parameter)
        {
            // The cast gives the parameter its type, unless another place gave it another.
            var slot = Parameter(parameter, column);
            return slot.Type.Oid == oid ? slot : throw Refuse("casts of parameters are answered by Postgres", cast);
        }

        var text = Literal(cast.Operand, oid);
        return text is null || LiteralForms.IsPlain(text, column.Type.Oid)
            ? new Slot(column.Type, new LiteralSource(text))
            : throw Refuse("literals beyond the column's type are answered by Postgres", cast);
    }

    /// <summary>The literal's text, when it means a value of the type to PostgreSQL; null for NULL.</summary>
    private static string? Literal(Expression literal, uint type)
    {
        var text = literal switch
        {
            NullLiteral => null,
            StringLiteral value => value.Value,
            BooleanLiteral value when type == TypeOid.Bool => value.Value ? "true" : "false",
            NumberLiteral number when type == TypeOid.Numeric || (number.IsInteger && ComparableTypes.IsInteger(type)) => number.Text,
            _ => throw Refuse("operands of another type than the column's are answered by Postgres", literal),
        };

        return text is null || LiteralForms.IsPlain(text, type) ? text : throw Refuse("literals in this form are answered by Postgres", literal);
    }

    /// <summary>The built-in types' names resolve to pg_catalog before anything on the search path.</summary>
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
