using SyncEngine.Changes;
using SyncEngine.Delivery;
using Xunit;

namespace SyncEngine.Tests.Delivery;

public sealed class WriteConfirmationsTests
{
    private static readonly DateTimeOffset start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly WriteConfirmations confirmations = new();

    [Fact]
    public void A_confirmation_is_given_to_callers_before_and_after_it()
    {
        var before = Await("a");
        confirmations.OnTransactionalMessage("sync.ack"u8, "a"u8, new Lsn(16), start);
        Assert.Equal(new WriteConfirmation("confirmed", Cut: "0/10"), OutcomeOf(before));
        Assert.Equal(OutcomeOf(before), OutcomeOf(Await("a")));
        Assert.False(Await("b").IsCompleted);
    }

    [Fact]
    public void A_rejection_counts_in_a_transaction_and_outside_of_one()
    {
        confirmations.OnTransactionalMessage("sync.reject"u8, """{"id":"a","reason":"full"}"""u8, new Lsn(16), start);
        confirmations.OnMessage("sync.reject", """{"id":"b"}"""u8, start);
        Assert.Equal(new WriteConfirmation("rejected", Reason: "full"), OutcomeOf(Await("a")));
        Assert.Equal(new WriteConfirmation("rejected"), OutcomeOf(Await("b")));
    }

    [Theory]
    [InlineData("sync.reject", "no JSON")]
    [InlineData("sync.reject", "[]")]
    [InlineData("sync.reject", """{"id":5}""")]
    [InlineData("other", """{"id":"a"}""")]
    public void A_message_of_another_shape_is_ignored(string prefix, string content)
    {
        confirmations.OnMessage(prefix, System.Text.Encoding.UTF8.GetBytes(content), start);
        Assert.False(Await("a").IsCompleted);
    }

    [Fact]
    public void The_first_outcome_stays_and_is_forgotten_after_two_minutes()
    {
        confirmations.OnTransactionalMessage("sync.ack"u8, "a"u8, new Lsn(16), start);
        confirmations.OnMessage("sync.reject", """{"id":"a"}"""u8, start);
        confirmations.Forget(start.AddMinutes(2));
        Assert.Equal("confirmed", OutcomeOf(Await("a")).Status);
        confirmations.Forget(start.AddMinutes(2).AddTicks(1));
        Assert.False(Await("a").IsCompleted);
    }

    [Fact]
    public void A_caller_that_has_given_up_is_not_answered()
    {
        var waiter = new TaskCompletionSource<WriteConfirmation>();
        confirmations.Await("a", waiter);
        confirmations.Abandon("a", waiter);
        confirmations.OnTransactionalMessage("sync.ack"u8, "a"u8, new Lsn(16), start);
        Assert.False(waiter.Task.IsCompleted);
    }

    private static WriteConfirmation OutcomeOf(Task<WriteConfirmation> task)
    {
        Assert.True(task.IsCompletedSuccessfully);
        return task.GetAwaiter().GetResult();
    }

    private Task<WriteConfirmation> Await(string id)
    {
        var waiter = new TaskCompletionSource<WriteConfirmation>();
        confirmations.Await(id, waiter);
        return waiter.Task;
    }
}
