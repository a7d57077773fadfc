using System.Collections.Concurrent;
using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.RateLimiting;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Authentication;

/// <summary>Bounds requests per minute: of each principal, and of each address for callers without a name.</summary>
/// <remarks>
/// Stored: one window per caller of the last minute, at most <see cref="MaxCallers"/>. When full, new callers share one window. So a flood
/// of names cannot take memory, and is bounded itself.
/// </remarks>
sealed class RequestRateLimit(LimitOptions limits) : IRateLimiterPolicy<string>
{
    public const string Name = "requests-per-minute";

    internal const int MaxCallers = 100_000;
    private const string NewCallers = "new callers";
    private const string Unlimited = "";

    private static readonly TimeSpan window = TimeSpan.FromMinutes(1);

    private readonly ConcurrentDictionary<string, CallerWindow> callers = new(StringComparer.Ordinal);

    /// <summary>Callers that have a window of their own.</summary>
    internal int CallerCount => callers.Count;

    public Func<OnRejectedContext, CancellationToken, ValueTask> OnRejected => (rejected, _) =>
    {
        var wait = rejected.Lease.TryGetMetadata(MetadataName.RetryAfter, out var retryAfter) ? retryAfter : window;
        var seconds = Math.Max(1, (int)Math.Ceiling(wait.TotalSeconds));
        rejected.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        throw new SyncException(
            ErrorCode.RateLimited, $"more than {limits.RequestsPerMinute} requests in a minute", hint: $"Try again in {seconds} s.");
    };

    /// <summary>The caller's window. Refused tokens count for their address; requests that could not be decided are not counted.</summary>
    public RateLimitPartition<string> GetPartition(HttpContext httpContext) =>
        httpContext.Features.Get<RefusedCaller>() is { Refusal.Code.Class: not ErrorClass.SignIn }
            ? RateLimitPartition.GetNoLimiter(Unlimited)
            : PartitionOf(CallerOf(httpContext.Connection.RemoteIpAddress, httpContext.Features.Get<Principal>()));

    internal RateLimitPartition<string> PartitionOf(string caller)
    {
        if (limits.RequestsPerMinute == 0)
        {
            return RateLimitPartition.GetNoLimiter(Unlimited);
        }

        var key = callers.Count < MaxCallers || callers.ContainsKey(caller) ? caller : NewCallers;
        return RateLimitPartition.Get(key, Begin);
    }

    private CallerWindow Begin(string caller)
    {
        var begun = new CallerWindow(limits.RequestsPerMinute, ended => callers.TryRemove(KeyValuePair.Create(caller, ended)));
        callers[caller] = begun;
        return begun;
    }

    private static string CallerOf(System.Net.IPAddress? address, Principal? principal) =>
        principal is null or { Issuer: null, Subject: null } ? $"address {address}" : $"principal {CallerMiddleware.KeyOf(principal)}";

    /// <summary>The framework's window, with a report of its end: some seconds after a minute without requests.</summary>
    private sealed class CallerWindow(int requests, Action<CallerWindow> ended) : ReplenishingRateLimiter
    {
        // The owner of the partitions replenishes all of them with one timer.
        private readonly FixedWindowRateLimiter inner = new(
            new FixedWindowRateLimiterOptions { PermitLimit = requests, Window = window, AutoReplenishment = false });

        public override TimeSpan? IdleDuration => inner.IdleDuration;

        public override bool IsAutoReplenishing => inner.IsAutoReplenishing;

        public override TimeSpan ReplenishmentPeriod => inner.ReplenishmentPeriod;

        public override bool TryReplenish() => inner.TryReplenish();

        public override RateLimiterStatistics? GetStatistics() => inner.GetStatistics();

        protected override RateLimitLease AttemptAcquireCore(int permitCount) => inner.AttemptAcquire(permitCount);

        protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
            inner.AcquireAsync(permitCount, cancellationToken);

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                ended(this);
                inner.Dispose();
            }
        }

        protected override ValueTask DisposeAsyncCore()
        {
            Dispose(true);
            return ValueTask.CompletedTask;
        }
    }
}
