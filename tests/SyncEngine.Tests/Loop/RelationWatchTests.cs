using SyncEngine.Loop;
using Xunit;

namespace SyncEngine.Tests.Loop;

public sealed class RelationWatchTests
{
    private readonly RecordingSource source = new();
    private readonly RelationWatch watch;

    public RelationWatchTests() => watch = new RelationWatch(source);

    [Fact]
    public void A_relation_is_watched_from_its_first_reader_to_its_last()
    {
        watch.Add([1, 2]);
        watch.Add([2]);
        watch.Remove([1, 2]);
        watch.Remove([2]);
        Assert.Equal([[1, 2], [2], []], source.Watched);
    }

    [Fact]
    public void A_reader_gets_the_version_of_its_newest_relation()
    {
        Assert.Equal(1, watch.Add([1]));
        Assert.Equal(2, watch.Add([2]));
        Assert.Equal(1, watch.Add([1]));
        Assert.Equal(2, watch.Add([1, 2]));
    }
}
