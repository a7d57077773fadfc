using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;

namespace SyncEngine.Tiers.SingleTable;

/// <summary>What the transaction being processed does to incremental queries. Reused from transaction to transaction.</summary>
sealed class TransactionStep
{
    private readonly List<LiveQuery> touched = [];
    private readonly HashSet<QueryTemplate> templates = [];

    public IReadOnlyList<LiveQuery> Touched => touched;

    public PendingChanges Touch(LiveQuery query)
    {
        if (query.Pending is null)
        {
            query.Pending = new PendingChanges();
            touched.Add(query);
        }

        return query.Pending;
    }

    /// <summary>The template keeps something that ends with the transaction.</summary>
    public void Clean(QueryTemplate template) => templates.Add(template);

    public void End()
    {
        foreach (var query in touched)
        {
            query.Pending = null;
        }

        touched.Clear();
        foreach (var template in templates)
        {
            template.EndTransaction();
        }

        templates.Clear();
    }
}
