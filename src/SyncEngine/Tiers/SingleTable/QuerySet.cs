using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>A set of live queries that is nearly always a single one, which is then held inline.</summary>
struct QuerySet
{
    private LiveQuery? single;
    private List<LiveQuery>? several;

    public readonly int Count => several?.Count ?? (single is null ? 0 : 1);

    public readonly LiveQuery this[int index] => several is null ? single! : several[index];

    public void Add(LiveQuery query)
    {
        if (several is not null)
        {
            several.Add(query);
        }
        else if (single is null)
        {
            single = query;
        }
        else
        {
            several = [single, query];
            single = null;
        }
    }

    public void Remove(LiveQuery query)
    {
        if (several is null)
        {
            single = ReferenceEquals(single, query) ? null : single;
            return;
        }

        several.Remove(query);
        if (several.Count == 1)
        {
            single = several[0];
            several = null;
        }
    }
}
