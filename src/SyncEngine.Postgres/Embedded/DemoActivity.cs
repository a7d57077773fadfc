using System.Globalization;
using Dapper;
using Npgsql;

namespace SyncEngine.Postgres.Embedded;

/// <summary>
/// People chatting and a shop at work: random, plausible changes to the demo's tables, about five a second, for the playground's button.
/// </summary>
/// <remarks>
/// Lifecycle: <see cref="Start"/> and <see cref="StopAsync"/>, any number of times; it ends by itself after <see cref="LongestRun"/>,
/// and when a change fails (<see cref="LastError"/>).
/// Backpressure: one change at a time, so a slow database slows it down.
/// Stored: the tables stay small, because old messages and orders are deleted. After a crash: nothing to repair.
/// </remarks>
public sealed class DemoActivity(NpgsqlDataSource dataSource, TimeProvider time, int seed = 20) : IAsyncDisposable
{
    public static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    public static readonly TimeSpan LongestRun = TimeSpan.FromMinutes(10);

    internal const int MostMessages = 200;

    internal const int MostOrders = 60;

    private static readonly string[] authors = ["Ada", "Barbara", "Edsger", "Grace", "Linus", "Margaret", "Susan", "Tony"];
    private static readonly string[] bodies =
    [
        "On my way.",
        "Done!",
        "Where is the projector?",
        "Thank you all.",
        "Lunch?",
        "The tests are green.",
        "I am on it.",
        "Works for me.",
        "Let us talk tomorrow.",
        "Deployed.",
        "Rolled back.",
        "Deployed again.",
        "Who has the keys?",
        "Nice work!",
        "Please review the new page.",
    ];

    private static readonly string[] customers =
        ["Acme Bakery", "Blue Door Books", "Eastside Cycles", "Green Grocer", "Harbour Hotel", "Kite Club", "Lake School", "Maple Café"];

    private readonly Lock gate = new();
    private readonly Random random = new(seed);
    private CancellationTokenSource? cancellation;
    private Task running = Task.CompletedTask;

    public bool IsRunning
    {
        get
        {
            lock (gate)
            {
                return !running.IsCompleted;
            }
        }
    }

    /// <summary>The error of PostgreSQL that ended the last run early; null when none did.</summary>
    public string? LastError { get; private set; }

    /// <summary>False when it runs already.</summary>
    public bool Start()
    {
        lock (gate)
        {
            if (!running.IsCompleted)
            {
                return false;
            }

            cancellation?.Dispose();
            cancellation = new CancellationTokenSource(LongestRun, time);
            LastError = null;
            running = RunAsync(cancellation.Token);
            return true;
        }
    }

    public async Task StopAsync()
    {
        Task ending;
        lock (gate)
        {
            cancellation?.Cancel();
            ending = running;
        }

        await ending;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        cancellation?.Dispose();
    }

    /// <summary>One random change, in a transaction of its own.</summary>
    internal async Task StepAsync(CancellationToken cancellationToken)
    {
        await using var connection = await dataSource.OpenConnectionAsync(cancellationToken);
        var change = NextChange();
        await connection.ExecuteAsync(new CommandDefinition(change.Sql, change, cancellationToken: cancellationToken));
    }

    private async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                await StepAsync(cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
        }
        catch (NpgsqlException exception)
        {
            LastError = exception.Message;
        }
    }

    /// <remarks>
    /// Rows are picked by a drawn number modulo the number of rows, so that the seed alone decides. An insert that makes the rows too many
    /// deletes old ones.
    /// </remarks>
    private Change NextChange()
    {
        var sql = random.Next(20) switch
        {
            < 7 => $"""
                DELETE FROM public.messages WHERE id IN (SELECT id FROM public.messages ORDER BY id DESC OFFSET {Number(MostMessages - 1)});
                INSERT INTO public.messages (room_id, author, body)
                SELECT id, @Name, @Text FROM public.rooms ORDER BY id
                OFFSET @Pick % greatest((SELECT count(*) FROM public.rooms), 1) LIMIT 1
                """,
            < 9 =>
                "UPDATE public.messages SET body = @Text || ' (edited)' WHERE id = (SELECT id FROM public.messages ORDER BY id DESC "
                    + "OFFSET @Pick % 20 LIMIT 1)",
            < 10 =>
                "DELETE FROM public.messages WHERE id = (SELECT id FROM public.messages ORDER BY id DESC OFFSET @Pick % 20 LIMIT 1) "
                    + "AND (SELECT count(*) FROM public.messages) > 20",
            < 12 => $"""
                DELETE FROM public.orders WHERE id IN (SELECT id FROM public.orders ORDER BY id DESC OFFSET {Number(MostOrders - 1)});
                INSERT INTO public.orders (customer, status, total) VALUES (@Customer, 'new', @Cents / 100.0)
                """,
            < 16 => """
                UPDATE public.orders
                SET status = CASE status WHEN 'new' THEN 'paid' WHEN 'paid' THEN 'packed' WHEN 'packed' THEN 'shipped'
                    ELSE 'delivered' END, updated_at = now()
                WHERE id = (
                    SELECT id FROM public.orders WHERE status <> 'delivered' ORDER BY id
                    OFFSET @Pick % greatest((SELECT count(*) FROM public.orders WHERE status <> 'delivered'), 1) LIMIT 1)
                """,
            _ => """
                UPDATE public.stock SET quantity = CASE WHEN quantity + @Step < 0 THEN 100 ELSE least(quantity + @Step, 500) END
                WHERE sku = (SELECT sku FROM public.stock ORDER BY sku OFFSET @Pick % greatest((SELECT count(*) FROM public.stock), 1) LIMIT 1)
                """,
        };
        return new Change(sql)
        {
            Pick = random.Next(1_000_000),
            Name = Pick(authors),
            Text = Pick(bodies),
            Customer = Pick(customers),
            Cents = random.Next(500, 50_000),
            Step = random.Next(-8, 9),
        };
    }

    private string Pick(string[] choices) => choices[random.Next(choices.Length)];

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>A statement and the parameters that it may use.</summary>
    private sealed record Change(string Sql)
    {
        public required int Pick { get; init; }

        public required string Name { get; init; }

        public required string Text { get; init; }

        public required string Customer { get; init; }

        public required int Cents { get; init; }

        public required int Step { get; init; }
    }
}
