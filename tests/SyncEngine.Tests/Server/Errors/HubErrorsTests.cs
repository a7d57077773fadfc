using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.Logging.Abstractions;
using SyncEngine.Errors;
using SyncEngine.Server.Errors;
using Xunit;

namespace SyncEngine.Tests.Server.Errors;

public sealed class HubErrorsTests
{
    private readonly HubErrors errors = new(NullLogger<HubErrors>.Instance);

    [Fact]
    public void A_refusal_is_its_code_and_text()
    {
        var refusal = new SyncException(ErrorCode.MustRefetch, "the cut is too old", "Detail.");
        Assert.Equal("must_refetch: the cut is too old", errors.Translate(refusal).Message);
    }

    [Fact]
    public void Anything_else_is_internal_with_an_id_and_nothing_of_what_happened()
    {
        var message = errors.Translate(new InvalidOperationException("the secret of the house")).Message;
        Assert.Matches("^internal: an internal error happened, quote [0-9a-f]{12}$", message);
    }

    [Fact]
    public async Task A_stream_gives_what_came_before_its_error_and_then_the_translation()
    {
        List<int> seen = [];
        var error = await Assert.ThrowsAsync<HubException>(async () =>
        {
            await foreach (var item in errors.Translated(FailingAsync(), TestContext.Current.CancellationToken))
            {
                seen.Add(item);
            }
        });

        Assert.Equal([1, 2], seen);
        Assert.Equal("slow_consumer: too slow", error.Message);
    }

    private static async IAsyncEnumerable<int> FailingAsync()
    {
        yield return 1;
        await Task.Yield();
        yield return 2;
        throw new SyncException(ErrorCode.SlowConsumer, "too slow");
    }
}
