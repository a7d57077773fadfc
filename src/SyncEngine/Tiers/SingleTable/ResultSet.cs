namespace SyncEngine.Tiers.SingleTable;

/// <summary>A set of results that is nearly always a single one, which is then held inline.</summary>
struct ResultSet
{
    private SingleTableResult? single;
    private List<SingleTableResult>? several;

    public readonly int Count => several?.Count ?? (single is null ? 0 : 1);

    public readonly SingleTableResult this[int index] => several is null ? single! : several[index];

    public void Add(SingleTableResult result)
    {
        if (several is not null)
        {
            several.Add(result);
        }
        else if (single is null)
        {
            single = result;
        }
        else
        {
            several = [single, result];
            single = null;
        }
    }

    public void Remove(SingleTableResult result)
    {
        if (several is null)
        {
            single = ReferenceEquals(single, result) ? null : single;
            return;
        }

        several.Remove(result);
        if (several.Count == 1)
        {
            single = several[0];
            several = null;
        }
    }
}
