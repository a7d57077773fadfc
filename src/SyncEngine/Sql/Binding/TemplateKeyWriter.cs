using System.Globalization;
using System.Text;

namespace SyncEngine.Sql.Binding;

/// <summary>Writes the key that queries share when they differ only in their values.</summary>
sealed class TemplateKeyWriter
{
    private readonly StringBuilder key = new();
    private readonly BoundSelect select;

    private TemplateKeyWriter(BoundSelect select) => this.select = select;

    /// <summary>
    /// Two queries of one schema version have equal keys exactly when they agree in three things: the table; the columns with their
    /// labels; the shape of the condition with the types of its operands.
    /// </summary>
    public static string Write(BoundSelect select)
    {
        var writer = new TemplateKeyWriter(select);
        writer.key.Append(CultureInfo.InvariantCulture, $"{select.Table.Oid}[");
        foreach (var column in select.Output)
        {
            var number = select.Table.Columns[column.Ordinal].Number;
            writer.key.Append(CultureInfo.InvariantCulture, $"{number}:{TokenPrinter.QuoteName(column.Label)} ");
        }

        writer.key.Append(']');
        select.Where?.WriteKey(writer);
        return writer.key.ToString();
    }

    public TemplateKeyWriter Text(string text)
    {
        key.Append(text);
        return this;
    }

    public TemplateKeyWriter Column(short number)
    {
        key.Append(CultureInfo.InvariantCulture, $"c{number}");
        return this;
    }

    /// <summary>Operands are numbered as they are written, so the index adds nothing; the type does.</summary>
    public TemplateKeyWriter Operands(params ReadOnlySpan<int> operands)
    {
        foreach (var operand in operands)
        {
            key.Append(CultureInfo.InvariantCulture, $"?{select.Operands[operand].Type.Oid}");
        }

        return this;
    }

    public void Conditions(string name, params ReadOnlySpan<BoundPredicate> conditions)
    {
        key.Append('(').Append(name);
        foreach (var condition in conditions)
        {
            key.Append(' ');
            condition.WriteKey(this);
        }

        key.Append(')');
    }
}
