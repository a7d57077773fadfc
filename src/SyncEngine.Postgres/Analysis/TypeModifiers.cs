using Npgsql.Schema;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Analysis;

/// <summary>
/// Rebuilds atttypmod from the driver's description of a result column; -1 for none, and for types whose modifier is not in it.
/// </summary>
static class TypeModifiers
{
    private const int HeaderBytes = 4;

    public static int Of(NpgsqlDbColumn column) => column.TypeOID switch
    {
        TypeOid.Numeric when column.NumericPrecision is { } precision => ((precision << 16) | (column.NumericScale ?? 0)) + HeaderBytes,
        TypeOid.VarChar or TypeOid.BpChar when column.ColumnSize is { } length => length + HeaderBytes,
        _ => -1,
    };
}
