using System.Globalization;
using System.Text.RegularExpressions;
using SyncEngine.Errors;
using Xunit;

namespace SyncEngine.Tests.Server.Errors;

public sealed class ErrorDocumentTests
{
    [Fact]
    public void The_document_lists_every_code_with_its_class_and_status()
    {
        var actual = ErrorCode.All.Select(code => (code.Name, Words(code.Class), code.HttpStatus.ToString(CultureInfo.InvariantCulture)));
        var documented = Repository.TableRows("docs/ERRORS.md").Select(row => (row[0].Trim('`'), row[1], row[2]));

        Assert.Equal(actual, documented);
    }

    [Fact]
    public void Every_code_is_in_the_list_of_all()
    {
        var declared = typeof(ErrorCode).GetFields().Where(field => field.FieldType == typeof(ErrorCode)).Select(field => (ErrorCode)field.GetValue(null)!);
        Assert.Equal(declared, ErrorCode.All);
    }

    /// <summary>The class as the document names it: FixRequest is "fix the request", Report is "report it", BackOff is "back off".</summary>
    private static string Words(ErrorClass errorClass) => errorClass switch
    {
        ErrorClass.FixRequest => "fix the request",
        ErrorClass.Report => "report it",
        _ => Regex.Replace(errorClass.ToString(), "(?<=[a-z])[A-Z]", letter => $" {letter.Value}", RegexOptions.None, TimeSpan.FromSeconds(1)).ToLowerInvariant(),
    };
}
