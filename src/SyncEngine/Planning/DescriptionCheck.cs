using System.Collections.Immutable;
using SyncEngine.Catalog;
using SyncEngine.Permissions;
using SyncEngine.Sql;
using SyncEngine.Sql.Binding;
using SyncEngine.Values;

namespace SyncEngine.Planning;

/// <summary>
/// Compares the engine's reading of a query with PostgreSQL's description of the same text. Where they could differ, the reading is not
/// used.
/// </summary>
static class DescriptionCheck
{
    /// <returns>The reading with its parameters typed as PostgreSQL inferred them, or the reason why it cannot be used.</returns>
    public static Coverage<BoundSelect> Confirm(BoundSelect reading, QueryDescription description)
    {
        if (!description.Views.IsEmpty)
        {
            return Refuse("views are answered by PostgreSQL");
        }

        if (description.Tables is not [var described] || described != reading.Table.Oid)
        {
            return Refuse($"PostgreSQL reads other tables than \"{reading.Table.Name}\"");
        }

        if (description.ReadsClock || description.HasOpaqueFunctions)
        {
            return Refuse("function calls are answered by PostgreSQL");
        }

        if (!HasSameColumns(reading, description.Columns))
        {
            return Refuse("PostgreSQL describes the result's columns differently");
        }

        var operands = ImmutableArray.CreateBuilder<BoundOperand>(reading.Operands.Length);
        foreach (var operand in reading.Operands)
        {
            if (!TryType(operand, description.Parameters, out var typed, out var refusal))
            {
                return Refuse(refusal);
            }

            operands.Add(typed);
        }

        return reading with { Operands = operands.MoveToImmutable() };
    }

    private static bool HasSameColumns(BoundSelect reading, ImmutableArray<ResultColumn> described)
    {
        if (reading.Output.Length != described.Length)
        {
            return false;
        }

        for (var i = 0; i < described.Length; i++)
        {
            if (!IsSameColumn(reading.Table, reading.Output[i], described[i]))
            {
                return false;
            }
        }

        return true;
    }

    private static bool IsSameColumn(Table table, BoundColumn output, ResultColumn described)
    {
        var column = table.Columns[output.Ordinal];
        return described.Name == output.Label
            && described.TableOid == table.Oid
            && described.ColumnNumber == column.Number
            // A result column of a domain is described by its base type.
            && (described.Type.Oid == column.Type.Oid || described.Type.Oid == column.Type.Underlying.Oid);
    }

    /// <summary>A cast gives the parameter its type, unless another place in the query gave it another.</summary>
    private static bool TryType(BoundOperand operand, ImmutableArray<SqlType> parameters, out BoundOperand typed, out string refusal)
    {
        (typed, refusal) = (operand, "");
        if (operand.Source is not ParameterSource parameter)
        {
            return true;
        }

        if (parameter.Number > parameters.Length)
        {
            refusal = "PostgreSQL describes the parameters differently";
            return false;
        }

        var type = parameters[parameter.Number - 1];
        var column = operand.Column;
        if (!ComparableTypes.CompareAlike(type.Oid, column.Type.Oid))
        {
            refusal = $"${parameter.Number} is of type {type.DisplayName}, the column \"{column.Name}\" of type {column.Type.DisplayName}";
            return false;
        }

        if (parameter.CastTo is { } cast && cast != type.Oid)
        {
            refusal = "casts of parameters are answered by PostgreSQL";
            return false;
        }

        typed = operand with { Type = type };
        return true;
    }

    private static NotCovered Refuse(string reason) => new(reason, null);
}
