using SyncEngine.Errors;
using SyncEngine.LiveQueries;
using Xunit;

namespace SyncEngine.Tests.LiveQueries;

public sealed class ReadFailuresTests
{
    private static readonly Dictionary<ReadFailure, ErrorCode[]> expected = new()
    {
        [ReadFailure.Unavailable] = [ErrorCode.SourceUnavailable, ErrorCode.ShuttingDown],
        [ReadFailure.Refused] =
            [ErrorCode.PermissionDenied, ErrorCode.UnknownRelation, ErrorCode.UnknownColumn, ErrorCode.UnknownFunction],
        [ReadFailure.Impossible] = [ErrorCode.ResultTooLarge, ErrorCode.TypeMismatch, ErrorCode.SqlUnsupported],
    };

    [Fact]
    public void Each_code_has_its_consequence_and_all_others_fail_for_now() => Assert.All(ErrorCode.All, code =>
    {
        var consequence = expected.FirstOrDefault(entry => entry.Value.Contains(code), new(ReadFailure.Failing, [])).Key;
        Assert.Equal(consequence, ReadFailures.Classify(new SyncException(code, "it failed")));
    });
}
