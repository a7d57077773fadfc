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
sealed class RequestRateLimit(LimitOptions limits, TimeProvider time) : IRateLimiterPolicy<string>
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

    /// <summary>The caller's window. A refused token counts for its address. A caller whom no check could decide is not counted.</summary>
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
        var begun = new CallerWindow(
            limits.RequestsPerMinute, time, dropped => callers.TryRemove(KeyValuePair.Create(caller, dropped)));
        callers[caller] = begun;
        return begun;
    }

    private static string CallerOf(System.Net.IPAddress? address, Principal? principal) =>
        principal is null or { Issuer: null, Subject: null } ? $"address {address}" : $"principal {CallerMiddleware.KeyOf(principal)}";

    /// <summary>One caller's minute, which begins with its first request. The framework drops it some seconds after its end.</summary>
    /// <remarks>FixedWindowRateLimiter reports the whole minute as the wait, and its clock cannot be replaced.</remarks>
    private sealed class CallerWindow(int requests, TimeProvider time, Action<CallerWindow> dropped) : RateLimiter
    {
        private readonly Lock access = new(); // requests of one caller come on any thread
        private long begin = time.GetTimestamp();
        private int used;

        public override TimeSpan? IdleDuration
        {
            get
            {
                lock (access)
                {
                    var elapsed = time.GetElapsedTime(begin);
                    return elapsed >= window ? elapsed - window : null;
                }
            }
        }

        public override RateLimiterStatistics? GetStatistics() => null;

        protected override RateLimitLease AttemptAcquireCore(int permitCount)
        {
            lock (access)
            {
                var elapsed = time.GetElapsedTime(begin);
                if (elapsed >= window)
                {
                    (begin, used, elapsed) = (time.GetTimestamp(), 0, TimeSpan.Zero);
                }

                if (used + permitCount > requests)
                {
                    return new CallerLease(window - elapsed);
                }

                used += permitCount;
                return CallerLease.Granted;
            }
        }

        protected override ValueTask<RateLimitLease> AcquireAsyncCore(int permitCount, CancellationToken cancellationToken) =>
            ValueTask.FromResult(AttemptAcquireCore(permitCount));

        protected override void Dispose(bool disposing)
        {
            if (disposing)
            {
                dropped(this);
            }
        }

        protected override ValueTask DisposeAsyncCore()
        {
            Dispose(true);
            return ValueTask.CompletedTask;
        }
    }

    /// <param name="retryAfter">The wait of a refused request; null when it is granted.</param>
    private sealed class CallerLease(TimeSpan? retryAfter) : RateLimitLease
    {
        public static readonly CallerLease Granted = new(null);

        public override bool IsAcquired => retryAfter is null;

        public override IEnumerable<string> MetadataNames => IsAcquired ? [] : [MetadataName.RetryAfter.Name];

        public override bool TryGetMetadata(string metadataName, out object? metadata)
        {
            metadata = retryAfter;
            return !IsAcquired && string.Equals(metadataName, MetadataName.RetryAfter.Name, StringComparison.Ordinal);
        }
    }
}
