using System.Collections.Immutable;
using SyncEngine.Permissions;
using SyncEngine.Planning;

namespace SyncEngine.LiveQueries;

/// <summary>One client's registration of one query. It belongs to the principal that made it; for any other it does not exist.</summary>
public sealed class Subscription
{
    internal Subscription(string id, Principal principal, LiveQuery query)
    {
        Id = id;
        Principal = principal;
        Plan = query.Plan;
        Parameters = query.Parameters;
        Query = query;
    }

    public string Id { get; }

    /// <summary>As of the newest token seen for it.</summary>
    public Principal Principal { get; internal set; }

    public QueryPlan Plan { get; internal set; }

    /// <summary>Canonical texts of $1, $2, …, lifted literals after them.</summary>
    public ImmutableArray<string?> Parameters { get; }

    /// <summary>Set while registered; owned by the loop.</summary>
    internal LiveQuery? Query { get; set; }

    internal int AttachmentCount { get; set; }

    internal DateTimeOffset UnattendedSince { get; set; }
}
