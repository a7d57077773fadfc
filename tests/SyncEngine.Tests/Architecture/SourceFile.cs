using System.Globalization;
using System.Text.RegularExpressions;

namespace SyncEngine.Tests.Architecture;

/// <summary>A type as a source file declares it, nested private types left out.</summary>
sealed record DeclaredType(string Name, bool IsPartial);

/// <summary>One C# file of <c>src</c>, read as text: enough for names and directions, not a compilation.</summary>
/// <param name="Path">Relative to <c>src</c>, with slashes.</param>
sealed partial record SourceFile(string Path, string Text)
{
    /// <summary>
    /// The folder, relative to <c>src</c>: <c>SyncEngine/Values</c>; <c>SyncEngine</c> for the root files of that project.
    /// </summary>
    public string Room { get; } = Path[..Path.LastIndexOf('/')];

    /// <summary>The text without comments and without the content of strings.</summary>
    public string Code { get; } = Strings().Replace(RawStrings().Replace(Comments().Replace(Text, ""), "\"\""), "\"\"");

    public string Project => Path[..Path.IndexOf('/')];

    /// <summary>Generators add to a type of this file, so that it may be partial.</summary>
    public bool IsGeneratedInPart => Generators().IsMatch(Text);

    public IEnumerable<DeclaredType> Types =>
        from match in Declarations().Matches(Code)
        let isPartial = match.Groups["modifiers"].Value.Contains("partial", StringComparison.Ordinal)
        select new DeclaredType(match.Groups["name"].Value, isPartial);

    /// <summary>Every name that begins with a capital letter.</summary>
    public IReadOnlySet<string> Names => Capitalised().Matches(Code).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);

    public IReadOnlySet<string> Identifiers => AnyIdentifier().Matches(Code).Select(match => match.Value).ToHashSet(StringComparer.Ordinal);

    /// <summary>The namespaces that using directives and qualified names of the file mention.</summary>
    public IReadOnlySet<string> Imports => Usings().Matches(Code)
        .Concat(Qualified().Matches(Code))
        .Select(match => match.Groups["namespace"].Value)
        .ToHashSet(StringComparer.Ordinal);

    public IEnumerable<int> LogIds =>
        LoggerMessages().Matches(Text).Select(match => int.Parse(match.Groups["id"].Value, CultureInfo.InvariantCulture));

    private const RegexOptions Options = RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture;

    [GeneratedRegex(@"//[^\n]*|/\*.*?\*/", Options | RegexOptions.Singleline, 5000)]
    private static partial Regex Comments();

    [GeneratedRegex("\"\"\".*?\"\"\"", Options | RegexOptions.Singleline, 5000)]
    private static partial Regex RawStrings();

    [GeneratedRegex(@"\$?@?""(\\.|[^""\\\n])*""", Options, 5000)]
    private static partial Regex Strings();

    [GeneratedRegex("LoggerMessage|GeneratedRegex|JsonSerializable", Options, 5000)]
    private static partial Regex Generators();

    [GeneratedRegex(
        @"^[ ]*(?<modifiers>((public|internal|sealed|static|abstract|readonly|partial|file|ref|unsafe)\s+)*)"
            + @"(class|struct|interface|enum|record(\s+(struct|class))?)\s+(?<name>[A-Z]\w+)",
        Options | RegexOptions.Multiline,
        5000)]
    private static partial Regex Declarations();

    [GeneratedRegex(@"\b[A-Z]\w+\b", Options, 5000)]
    private static partial Regex Capitalised();

    [GeneratedRegex(@"\b[A-Za-z_]\w*\b", Options, 5000)]
    private static partial Regex AnyIdentifier();

    [GeneratedRegex(@"^(global )?using (static )?(?<namespace>[\w.]+);", Options | RegexOptions.Multiline, 5000)]
    private static partial Regex Usings();

    [GeneratedRegex(@"\b(?<namespace>SyncEngine(\.\w+)+)\.[A-Z]", Options, 5000)]
    private static partial Regex Qualified();

    [GeneratedRegex(@"LoggerMessage\(\s*(EventId\s*=\s*)?(?<id>\d+)", Options, 5000)]
    private static partial Regex LoggerMessages();
}
