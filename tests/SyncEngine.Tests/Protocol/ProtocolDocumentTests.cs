using System.Text.RegularExpressions;
using SyncEngine.Errors;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests.Protocol;

public sealed class ProtocolDocumentTests
{
    private const string Path = "docs/PROTOCOL.md";

    [Fact]
    public void The_document_shows_every_sample_as_it_is_and_no_other_json()
    {
        var shown = Regex.Matches(Repository.Read(Path), "^```json\n(.*?)\n```$", RegexOptions.Multiline | RegexOptions.Singleline, TimeSpan.FromSeconds(1)).Select(block => block.Groups[1].Value);
        var samples = Samples.Frames.Select(Samples.Frame).Concat(Samples.Bodies.Select(Samples.Body));

        Assert.Equal(samples.Order(StringComparer.Ordinal), shown.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_document_names_only_error_codes_that_exist()
    {
        var rows = Repository.TableRows(Path).Where(row => row.Length == 3 && row[0] is "`stale`" or "`reset`" or "`error`").ToList();
        Assert.Equal(3, rows.Count);
        var known = ErrorCode.All.Select(code => code.Name).ToHashSet(StringComparer.Ordinal);
        var named = rows.SelectMany(row => Regex.Matches(row[2], "`([a-z_]+)`", RegexOptions.None, TimeSpan.FromSeconds(1)).Select(code => code.Groups[1].Value));
        Assert.All(named, code => Assert.Contains(code, known));
    }
}
