using SyncEngine.Connectors.Ably;
using Xunit;

namespace SyncEngine.Tests.Connectors.Ably;

public sealed class AblyOptionsTests
{
    private static readonly AblyOptions right = new() { Key = "app.key:secret-part" };

    public static TheoryData<AblyOptions, string> Wrong => new()
    {
        { new AblyOptions(), "SyncEngine:Ably:Key is missing" },
        { right with { Token = "given" }, "SyncEngine:Ably:Key and SyncEngine:Ably:Token contradict" },
        { right with { AuthUrl = "https://example.com" }, "SyncEngine:Ably:Key and SyncEngine:Ably:AuthUrl contradict" },
        { right with { Key = "secret-part" }, "SyncEngine:Ably:Key is not of the form" },
        { right with { Key = "app.key" }, "SyncEngine:Ably:Key is not of the form" },
        { right with { Key = "app:secret-part" }, "SyncEngine:Ably:Key is not of the form" },
        { right with { Key = "app.key:secret-part\n" }, "SyncEngine:Ably:Key is not of the form" },
        { new AblyOptions { Token = "given", UseTokens = true }, "SyncEngine:Ably:UseTokens needs" },
        { right with { Endpoint = "http://ably.example.com" }, "SyncEngine:Ably:Endpoint is neither" },
        { right with { Endpoint = "ably.example.com" }, "SyncEngine:Ably:Endpoint is neither" },
        { right with { Endpoint = "ftp://localhost" }, "SyncEngine:Ably:Endpoint is neither" },
        { right with { Endpoint = "https://user:secret-part@example.com" }, "SyncEngine:Ably:Endpoint is neither" },
        { right with { Endpoint = "https://example.com/?a=b" }, "SyncEngine:Ably:Endpoint has a query" },
        { new AblyOptions { AuthUrl = "http://example.com/secret-part" }, "SyncEngine:Ably:AuthUrl is neither" },
        { right with { MaxMessageBytes = 1 }, "SyncEngine:Ably:MaxMessageBytes" },
        { right with { ConcurrentRequests = 0 }, "SyncEngine:Ably:ConcurrentRequests" },
    };

    [Theory]
    [MemberData(nameof(Wrong), DisableDiscoveryEnumeration = true)]
    public void A_problem_is_one_line_that_names_the_key_and_no_secret(AblyOptions options, string expected)
    {
        var problem = Assert.IsType<string>(options.FindProblem());
        Assert.StartsWith(expected, problem);
        Assert.DoesNotContain('\n', problem);
        Assert.DoesNotContain("secret-part", problem);
    }

    [Theory]
    [InlineData("https://ably.example.com")]
    [InlineData("http://localhost:8080")]
    [InlineData("http://127.0.0.1:8080/prefix")]
    [InlineData("http://[::1]:8080")]
    public void An_endpoint_is_https_or_on_this_machine(string endpoint) => Assert.Null((right with { Endpoint = endpoint }).FindProblem());

    [Fact]
    public void Each_kind_of_credential_will_do()
    {
        Assert.Null(right.FindProblem());
        Assert.Null((right with { UseTokens = true }).FindProblem());
        Assert.Null(new AblyOptions { Token = "given" }.FindProblem());
        Assert.Null(new AblyOptions { AuthUrl = "https://example.com/token?for=me" }.FindProblem());
    }
}
