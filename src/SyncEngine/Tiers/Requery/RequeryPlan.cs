namespace SyncEngine.Tiers.Requery;

/// <summary>PostgreSQL runs the query again when a relation that it reads has changed, and the engine compares the rows.</summary>
public sealed record RequeryPlan : TierPlan
{
    public RequeryPlan(string reason) => Reason = reason;

    public override string Mode => "requery";

    public override string? Reason { get; }

    internal override bool IsReadOnChange => true;

    internal override bool MayReadClaims => true;

    internal override bool IsQuickToRead => false;
}
