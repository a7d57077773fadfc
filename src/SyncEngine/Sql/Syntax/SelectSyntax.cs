namespace SyncEngine.Sql.Syntax;

/// <summary>The syntax tree of a SELECT over one table.</summary>
/// <param name="Limit">A number, a parameter, or NULL for ALL.</param>
/// <param name="Offset">A number or a parameter.</param>
public sealed record SelectSyntax(
    SyntaxList<SelectItem> Items,
    TableReference From,
    Expression? Where,
    SyntaxList<OrderItem> OrderBy,
    Expression? Limit,
    Expression? Offset);

public abstract record SelectItem(SourcePosition At);

/// <summary><c>*</c></summary>
public sealed record AllColumns(SourcePosition At) : SelectItem(At);

/// <summary><c>t.*</c> or <c>schema.t.*</c></summary>
public sealed record AllColumnsOf(SourcePosition At, string? Schema, string Table) : SelectItem(At);

/// <summary>A column, with a label or under its own name.</summary>
public sealed record ColumnItem(SourcePosition At, ColumnReference Column, string? Label) : SelectItem(At);

public sealed record TableReference(SourcePosition At, bool IsOnly, string? Schema, string Name, string? Alias);

/// <param name="Key">A column or label, or the number of a result column.</param>
/// <param name="NullsFirst">Null when not written: last for ASC, first for DESC.</param>
public sealed record OrderItem(Expression Key, bool IsDescending, bool? NullsFirst);
