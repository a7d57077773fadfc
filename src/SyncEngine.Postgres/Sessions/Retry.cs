namespace SyncEngine.Postgres.Sessions;

/// <summary>The clock and the randomness of pauses, shared by the loops of one component.</summary>
/// <param name="Random">Locked while it is used, so that several loops may share it.</param>
public sealed record RetryClock(TimeProvider Time, Random Random)
{
    /// <summary>A clock whose randomness differs between processes, so that they do not come back all at once.</summary>
    public static RetryClock ForProcess(TimeProvider time) =>
        new(time, new Random(HashCode.Combine(Environment.ProcessId, time.GetTimestamp())));
}

/// <summary>The one retry loop of the engine: runs an operation again after it failed, with pauses that grow.</summary>
/// <remarks>
/// Each loop has an instance of its own, because an instance counts the failures of its loop. Not thread safe.
/// A cancelled token ends every method with <see cref="OperationCanceledException"/>; a failure that is not transient ends it as it was
/// thrown.
/// Decision: docs/decisions/one-retry-loop.md.
/// </remarks>
/// <param name="minimum">The longest first pause; each further pause is twice as long.</param>
/// <param name="maximum">The longest pause.</param>
public sealed class Retry(TimeSpan minimum, TimeSpan maximum, RetryClock clock)
{
    private readonly Backoff backoff = new(minimum, maximum, clock.Random);

    /// <summary>
    /// An operation that ran at least this long had recovered: the next pause is a first one. Null: only after <see cref="Reset"/>.
    /// </summary>
    public TimeSpan? RecoveredAfter { get; init; }

    /// <summary>The next pause is a first one again. A long operation calls it once it works.</summary>
    public void Reset() => backoff.Reset();

    /// <summary>Pauses once, for loops whose failures are results and not exceptions.</summary>
    /// <param name="atLeast">The pause that the other side asked for.</param>
    public Task PauseAsync(CancellationToken cancellationToken, TimeSpan atLeast = default)
    {
        var pause = backoff.Next();
        return Task.Delay(pause > atLeast ? pause : atLeast, clock.Time, cancellationToken);
    }

    /// <summary>Runs the operation until it succeeds.</summary>
    /// <param name="isTransient">Failures after which it is run again.</param>
    /// <param name="onFailure">Reports such a failure, before the pause.</param>
    public async Task<T> UntilSuccessAsync<T>(
        Func<CancellationToken, Task<T>> operation,
        Func<Exception, bool> isTransient,
        Func<Exception, ValueTask> onFailure,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            var began = clock.Time.GetTimestamp();
            try
            {
                var result = await operation(cancellationToken);
                Reset();
                return result;
            }
            catch (Exception failure) when (isTransient(failure))
            {
                cancellationToken.ThrowIfCancellationRequested(); // what breaks while the loop is stopped is no failure
                ResetAfter(began);
                await onFailure(failure);
            }

            await PauseAsync(cancellationToken);
        }
    }

    /// <inheritdoc cref="UntilSuccessAsync{T}"/>
    public Task UntilSuccessAsync(
        Func<CancellationToken, Task> operation,
        Func<Exception, bool> isTransient,
        Action<Exception> onFailure,
        CancellationToken cancellationToken) =>
        UntilSuccessAsync(token => TrueAfterAsync(operation(token)), isTransient, Reporting(onFailure), cancellationToken);

    /// <summary>Runs the operation again and again, whether it fails or returns, until cancelled.</summary>
    /// <inheritdoc cref="UntilSuccessAsync{T}"/>
    public async Task ForeverAsync(
        Func<CancellationToken, Task> operation,
        Func<Exception, bool> isTransient,
        Func<Exception, ValueTask> onFailure,
        CancellationToken cancellationToken)
    {
        while (true)
        {
            var began = clock.Time.GetTimestamp();
            try
            {
                await operation(cancellationToken);
                ResetAfter(began);
            }
            catch (Exception failure) when (isTransient(failure))
            {
                cancellationToken.ThrowIfCancellationRequested(); // what breaks while the loop is stopped is no failure
                ResetAfter(began);
                await onFailure(failure);
            }

            await PauseAsync(cancellationToken);
        }
    }

    /// <inheritdoc cref="ForeverAsync(Func{CancellationToken, Task}, Func{Exception, bool}, Func{Exception, ValueTask},
    /// CancellationToken)"/>
    public Task ForeverAsync(
        Func<CancellationToken, Task> operation,
        Func<Exception, bool> isTransient,
        Action<Exception> onFailure,
        CancellationToken cancellationToken) =>
        ForeverAsync(operation, isTransient, Reporting(onFailure), cancellationToken);

    private void ResetAfter(long began)
    {
        if (RecoveredAfter is { } recovered && clock.Time.GetElapsedTime(began) >= recovered)
        {
            Reset();
        }
    }

    private static Func<Exception, ValueTask> Reporting(Action<Exception> onFailure) => failure =>
    {
        onFailure(failure);
        return ValueTask.CompletedTask;
    };

    private static async Task<bool> TrueAfterAsync(Task operation)
    {
        await operation;
        return true;
    }
}
