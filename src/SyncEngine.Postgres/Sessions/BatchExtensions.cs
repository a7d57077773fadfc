using System.Runtime.CompilerServices;
using Npgsql;

namespace SyncEngine.Postgres.Sessions;

static class BatchExtensions
{
    public static NpgsqlBatch Add(this NpgsqlBatch batch, params string[] statements)
    {
        foreach (var statement in statements)
        {
            batch.BatchCommands.Add(new NpgsqlBatchCommand(statement));
        }

        return batch;
    }

    /// <summary>The index of the statement that an error ended: the first without a completion.</summary>
    /// <remarks>The exception itself names it only where the connection string asks for it.</remarks>
    public static int FailedAt(this NpgsqlBatch batch)
    {
        var index = 0;
        while (index < batch.BatchCommands.Count && batch.BatchCommands[index].StatementType != StatementType.Unknown)
        {
            index++;
        }

        return index;
    }

    /// <summary>
    /// Asks for every result column as text, which saves parsing and printing. Public on commands, not on batches, in Npgsql 10
    /// (npgsql#3922).
    /// </summary>
    public static void AskForText(this NpgsqlBatch batch) => SetAllResultTypesAreUnknown(batch, value: true);

    [UnsafeAccessor(UnsafeAccessorKind.Method, Name = "set_AllResultTypesAreUnknown")]
    private static extern void SetAllResultTypesAreUnknown(NpgsqlBatch batch, bool value);
}
