using System.Text.Json;
using System.Text.Json.Serialization;
using SyncEngine.Delivery;
using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using SyncEngine.Planning;
using SyncEngine.Ports;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Endpoints;

/// <summary>POST /subscribe, DELETE /subscribe/{id} and POST /explain of docs/PROTOCOL.md, sections 3 and 11.</summary>
static class SubscribeEndpoints
{
    private static readonly JsonSerializerOptions json = new(JsonSerializerDefaults.Web);

    public static void MapSubscribe(this IEndpointRouteBuilder routes)
    {
        routes.MapPost("/subscribe", SubscribeAsync).RequirePrincipal();
        routes.MapDelete("/subscribe/{id}", UnsubscribeAsync).RequirePrincipal();
        routes.MapPost("/explain", ExplainAsync).RequirePrincipal();
    }

    private static async Task<IResult> SubscribeAsync(HttpContext context, SubscriptionService service, RequestReader reader)
    {
        var principal = context.GetPrincipal();
        var request = await reader.ReadAsync(context);
        var subscription = await service.SubscribeAsync(principal, request, context.RequestAborted);
        return Results.Json(Answer(subscription), json, statusCode: StatusCodes.Status201Created);
    }

    private static async Task<IResult> UnsubscribeAsync(string id, HttpContext context, SubscriptionService service)
    {
        await service.UnsubscribeAsync(context.GetPrincipal(), id, context.RequestAborted);
        return Results.NoContent();
    }

    private static async Task<IResult> ExplainAsync(
        HttpContext context, SubscriptionService service, RequestReader reader, ISchemaSource schemas)
    {
        var principal = context.GetPrincipal();
        var request = await reader.ReadAsync(context);
        var plan = await service.ExplainAsync(principal, request.Query, context.RequestAborted);
        return Results.Json(Explanation.Of(plan, schemas.Current), json);
    }

    private static SubscribeAnswer Answer(Subscription subscription) => new(
        subscription.Id,
        [.. subscription.Plan.Columns.Select(ColumnAnswer.Of)],
        [.. subscription.Plan.Key],
        subscription.Plan.IsOrdered,
        PlanAnswer.Of(subscription.Plan));
}

sealed record SubscribeAnswer(
    string SubscriptionId, IReadOnlyList<ColumnAnswer> Columns, IReadOnlyList<string> Key, bool Ordered, PlanAnswer Plan);

sealed record ColumnAnswer(
    string Name, string Type, bool Nullable, [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)] bool Hidden)
{
    public static ColumnAnswer Of(OutputColumn column) => new(column.Name, column.Type, column.IsNullable, column.IsHidden);
}

sealed record PlanAnswer(string Mode, string? Reason)
{
    public static PlanAnswer Of(QueryPlan plan) => new(plan.Tier.Mode, plan.Tier.Reason);
}
