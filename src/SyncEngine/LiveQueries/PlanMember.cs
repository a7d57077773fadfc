using System.Text.Json;
using SyncEngine.Planning;

namespace SyncEngine.LiveQueries;

/// <summary>The member <c>plan</c> of a <c>live</c> frame, as docs/PROTOCOL.md describes it.</summary>
static class PlanMember
{
    /// <returns>A JSON object in UTF-8.</returns>
    public static byte[] Of(QueryPlan plan) => JsonSerializer.SerializeToUtf8Bytes(
        new Dictionary<string, string?>(StringComparer.Ordinal) { ["mode"] = plan.Tier.Mode, ["reason"] = plan.Tier.Reason });
}
