using SyncEngine.Permissions;
using SyncEngine.Tiers;
using SyncEngine.Tiers.Requery;

namespace SyncEngine.Planning;

/// <summary>Decides the tier of a query, and the reason why it is not a faster one. Nothing else decides it.</summary>
sealed class TierSelector(IQueryAnalyst analyst, TimeSpan clockInterval)
{
    private readonly ValueCanonicaliser values = new(analyst);

    /// <summary>
    /// Single-table where PostgreSQL confirms the engine's reading of the query and the stream has all that it needs; else requery.
    /// </summary>
    public async Task<TierPlan> SelectAsync(AuthorisedQuery query, CancellationToken cancellationToken)
    {
        if (query.Description.HasRowSecurity)
        {
            return Requery("row-level security policies are applied by PostgreSQL");
        }

        if (query.Statement.Syntax is { Refusal: { } beyondParser })
        {
            return Requery(beyondParser.Reason);
        }

        if (query.ReadsClock)
        {
            return Requery("the current time is read by PostgreSQL");
        }

        if (query.Description.HasOpaqueFunctions)
        {
            return Requery("it calls functions whose reads are not known");
        }

        if (!query.Query.Reading.IsCovered(out var reading, out var refusal)
            || !DescriptionCheck.Confirm(reading, query.Description).IsCovered(out reading, out refusal))
        {
            return Requery(refusal.Reason);
        }

        if (reading.Table.IdentityColumns.IsEmpty)
        {
            return Requery($"table \"{reading.Table.Schema}.{reading.Table.Name}\" has no replica identity that names a row");
        }

        if (await values.LiteralsAsync(reading, query.Principal, cancellationToken) is not { } literals)
        {
            return Requery("a value in the query is for PostgreSQL to judge");
        }

        if (SingleTablePlanner.TryPlan(reading, literals) is not { } plan)
        {
            return Requery("the result leaves out columns of the table's key");
        }

        if (!ResultShaper.HasDistinctNames(query.Description))
        {
            return Requery("the result has columns of the same name");
        }

        // The stream brings PostgreSQL's text. For composites and types with a cast to json that text is not their JSON.
        return ResultShaper.FirstForeignType(query.Description) is { } foreign
            ? Requery($"values of type {foreign.DisplayName} are converted to JSON by PostgreSQL")
            : plan;

        RequeryPlan Requery(string reason) =>
            new(query.ReadsClock ? $"{reason}; run again every {clockInterval.TotalSeconds:0.###} s" : reason);
    }
}
