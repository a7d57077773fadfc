using System.Globalization;
using SyncEngine.Errors;
using SyncEngine.Permissions;
using SyncEngine.Server.Authentication;
using SyncEngine.Server.Options;

namespace SyncEngine.Server.Errors;

/// <summary>Counts requests: of each principal, and of each address for callers without a name. A minute begins with a caller's first request.</summary>
/// <remarks>
/// Stored: one entry per caller of the last minute, at most <see cref="MaxCallers"/>. When full, finished minutes are thrown out; when none has finished, newcomers
/// share one entry, so that a flood of names cannot take memory nor be without a bound.
/// </remarks>
sealed class RequestLimiter(LimitOptions limits, TimeProvider time)
{
    private const int MaxCallers = 100_000;
    private const string Newcomers = "newcomers";

    private static readonly TimeSpan window = TimeSpan.FromMinutes(1);

    private readonly Dictionary<string, (DateTimeOffset Start, int Requests)> callers = new(StringComparer.Ordinal);
    private readonly Lock access = new(); // callers are counted by any request
    private DateTimeOffset lastSweep;

    /// <exception cref="SyncException"><c>rate_limited</c>; the response's Retry-After says when.</exception>
    public void Count(HttpContext context, Principal? principal)
    {
        if (TryCount(NameOf(context, principal), out var wait))
        {
            return;
        }

        var seconds = (int)Math.Ceiling(wait.TotalSeconds);
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        throw new SyncException(ErrorCode.RateLimited, $"more than {limits.RequestsPerMinute} requests in a minute", hint: $"Try again in {seconds} s.");
    }

    /// <summary>Whether the caller may make one more request; else how long to wait.</summary>
    public bool TryCount(string caller, out TimeSpan wait)
    {
        wait = default;
        if (limits.RequestsPerMinute == 0)
        {
            return true;
        }

        var now = time.GetUtcNow();
        lock (access)
        {
            if (callers.Count >= MaxCallers && !callers.ContainsKey(caller))
            {
                Sweep(now);
                caller = callers.Count >= MaxCallers ? Newcomers : caller;
            }

            if (!callers.TryGetValue(caller, out var minute) || now - minute.Start >= window)
            {
                minute = (now, 0);
            }

            if (minute.Requests >= limits.RequestsPerMinute)
            {
                wait = minute.Start + window - now;
                return false;
            }

            callers[caller] = (minute.Start, minute.Requests + 1);
            return true;
        }
    }

    private void Sweep(DateTimeOffset now)
    {
        // Looking at all of them is dear, so not for every newcomer.
        if (now - lastSweep < TimeSpan.FromSeconds(1))
        {
            return;
        }

        lastSweep = now;
        foreach (var (caller, minute) in callers)
        {
            if (now - minute.Start >= window)
            {
                callers.Remove(caller);
            }
        }
    }

    private static string NameOf(HttpContext context, Principal? principal) =>
        principal is { Issuer: null, Subject: null } or null
            ? $"address {context.Connection.RemoteIpAddress}"
            : $"principal {AuthenticationMiddleware.NameOf(principal)}";
}
