using SyncEngine.Values;

namespace SyncEngine.Catalog;

/// <summary>A column of a table, as pg_attribute describes it.</summary>
/// <param name="Number">attnum: stable through renames, with gaps where columns were dropped.</param>
/// <param name="IsStreamed">
/// Its values are in the stream. A generated column is in the stream only on PostgreSQL 18 and later, and only if the publication includes
/// it.
/// </param>
/// <param name="HasByteEquality">
/// Values are equal by <c>=</c> exactly when their texts are. True for text, varchar and name (and domains over them) under a deterministic
/// collation; false for char(n), whose trailing blanks are ignored.
/// </param>
/// <param name="HasByteOrder">Ordered by the UTF-8 bytes: the same types under collation C or POSIX, or a built-in one.</param>
public sealed record Column(
    short Number,
    string Name,
    SqlType Type,
    int TypeModifier,
    bool IsNotNull,
    bool IsStreamed,
    bool HasByteEquality,
    bool HasByteOrder);
