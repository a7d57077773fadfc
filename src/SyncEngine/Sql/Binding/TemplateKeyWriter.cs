using System.Diagnostics;
using System.Globalization;
using System.Text;
using SyncEngine.Sql.Syntax;

namespace SyncEngine.Sql.Binding;

/// <summary>Writes the key that queries share when they differ only in their values.</summary>
static class TemplateKeyWriter
{
    /// <summary>
    /// Two queries of one schema version have equal keys exactly when they agree in three things: the table; the columns with their
    /// labels; the shape of the condition with the types of its operands.
    /// </summary>
    public static string Write(BoundSelect select)
    {
        var key = new StringBuilder();
        key.Append(CultureInfo.InvariantCulture, $"{select.Table.Oid}[");
        foreach (var column in select.Output)
        {
            var number = select.Table.Columns[column.Ordinal].Number;
            key.Append(CultureInfo.InvariantCulture, $"{number}:{TokenPrinter.QuoteName(column.Label)} ");
        }

        key.Append(']');
        if (select.Where is { } where)
        {
            Append(key, where, select);
        }

        return key.ToString();
    }

    private static void Append(StringBuilder key, BoundPredicate predicate, BoundSelect select)
    {
        switch (predicate)
        {
            case ConstantPredicate constant:
                key.Append(constant.Value switch { true => "true", false => "false", null => "null" });
                break;
            case ColumnPredicate column:
                key.Append(CultureInfo.InvariantCulture, $"c{column.Column}");
                break;
            case ComparePredicate compare:
                key.Append(CultureInfo.InvariantCulture, $"(c{compare.Column}{SyntaxPrinter.Symbol(compare.Operator)}");
                AppendOperand(key, compare.Operand, select);
                key.Append(')');
                break;
            case InPredicate inList:
                key.Append(CultureInfo.InvariantCulture, $"(in c{inList.Column}");
                foreach (var operand in inList.Operands)
                {
                    AppendOperand(key, operand, select);
                }

                key.Append(')');
                break;
            case IsNullPredicate isNull:
                key.Append(CultureInfo.InvariantCulture, $"(null c{isNull.Column})");
                break;
            case DistinctPredicate distinct:
                key.Append(CultureInfo.InvariantCulture, $"(distinct c{distinct.Column}");
                AppendOperand(key, distinct.Operand, select);
                key.Append(')');
                break;
            case TruthPredicate truth:
                AppendAll(key, "is" + truth.Value, [truth.Operand], select);
                break;
            case NotPredicate not:
                AppendAll(key, "not", [not.Operand], select);
                break;
            case AndPredicate and:
                AppendAll(key, "and", and.Operands, select);
                break;
            case OrPredicate or:
                AppendAll(key, "or", or.Operands, select);
                break;
            default:
                throw new UnreachableException(predicate.GetType().Name);
        }
    }

    private static void AppendAll(StringBuilder key, string name, IEnumerable<BoundPredicate> operands, BoundSelect select)
    {
        key.Append('(').Append(name);
        foreach (var operand in operands)
        {
            key.Append(' ');
            Append(key, operand, select);
        }

        key.Append(')');
    }

    /// <summary>Operands are numbered as they are written, so the index adds nothing; the type does.</summary>
    private static void AppendOperand(StringBuilder key, int operand, BoundSelect select) =>
        key.Append(CultureInfo.InvariantCulture, $"?{select.Operands[operand].Type.Oid}");
}
