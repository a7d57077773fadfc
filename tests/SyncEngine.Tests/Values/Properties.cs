using FsCheck;

namespace SyncEngine.Tests.Values;

static class Properties
{
    /// <summary>Says nothing when green; a failure prints the seed and the smallest case.</summary>
    public static readonly Config Quiet = Config.QuickThrowOnFailure.WithQuietOnSuccess(true).WithMaxTest(500);
}
