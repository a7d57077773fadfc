namespace SyncEngine.Tiers.SingleTable;

/// <summary>The net changes of the transaction under way, by result. Reused from transaction to transaction.</summary>
sealed class TransactionStep
{
    private readonly List<SingleTableResult> touched = [];
    private readonly HashSet<Template> templates = [];

    public IReadOnlyList<SingleTableResult> Touched => touched;

    public NetChanges Touch(SingleTableResult result)
    {
        if (result.Pending is null)
        {
            result.Pending = new NetChanges();
            touched.Add(result);
        }

        return result.Pending;
    }

    /// <summary>Notes that the template keeps something that ends with the transaction.</summary>
    public void CleanAfter(Template template) => templates.Add(template);

    public void End()
    {
        foreach (var result in touched)
        {
            result.Pending = null;
        }

        touched.Clear();
        foreach (var template in templates)
        {
            template.EndTransaction();
        }

        templates.Clear();
    }
}
