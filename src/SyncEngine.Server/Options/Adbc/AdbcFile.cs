using SyncEngine.Postgres.Administration;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace SyncEngine.Server.Options.Adbc;

/// <summary>A value of adbc's configuration, with its place, for errors.</summary>
sealed record AdbcValue(string Text, string Origin);

/// <summary>Reads adbc's YAML file, event by event, so that an error names the key that is unknown, doubled or of a wrong shape.</summary>
static class AdbcFile
{
    private static readonly string[] names = ["adbc.yaml", ".adbc.yaml"];

    /// <summary>
    /// The file that the command line names; else the first that exists in the folders; else null. A relative name is relative to the
    /// folders, in order.
    /// </summary>
    /// <exception cref="OperatorException">The named file does not exist.</exception>
    public static string? Find(string? named, params IEnumerable<string> folders)
    {
        if (!string.IsNullOrWhiteSpace(named))
        {
            var files = folders
                .Where(folder => folder.Length > 0)
                .Select(folder => Path.GetFullPath(named, folder))
                .DefaultIfEmpty(named)
                .ToList();
            return files.Find(File.Exists) ?? throw new OperatorException($"--adbc-config: there is no file {files[0]}");
        }

        return folders
            .Where(folder => folder.Length > 0)
            .SelectMany(folder => names.Select(name => Path.Combine(folder, name)))
            .FirstOrDefault(File.Exists);
    }

    /// <exception cref="OperatorException">What is wrong with it, in one line that names the key.</exception>
    public static IReadOnlyDictionary<AdbcKey, AdbcValue> Read(string file)
    {
        try
        {
            return Parse(File.ReadAllText(file), file);
        }
        catch (Exception cannot) when (cannot is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{file} cannot be read: {cannot.Message}", cannot);
        }
    }

    internal static IReadOnlyDictionary<AdbcKey, AdbcValue> Parse(string text, string file)
    {
        var values = new Dictionary<AdbcKey, AdbcValue>();
        var parser = new Parser(new StringReader(text));
        try
        {
            parser.Consume<StreamStart>();
            if (parser.TryConsume<DocumentStart>(out _))
            {
                ReadDocument(parser, values, file);
            }

            return parser.TryConsume<StreamEnd>(out _) ? values : throw new OperatorException($"{file} holds more than one document");
        }
        catch (YamlException broken)
        {
            // The parser's own text may quote a value, and its place is at times that of the whole document.
            throw new OperatorException(
                FirstTabbedLine(text) is { } line
                    ? $"{file}, line {line}, is indented with a tab; YAML takes blanks alone"
                    : $"{file} is not YAML: see near line {Math.Max(broken.End.Line, parser.Current?.End.Line ?? 1)}",
                broken);
        }
    }

    private static int? FirstTabbedLine(string text)
    {
        var at = Array.FindIndex(text.Split('\n'), line => line[..^line.TrimStart().Length].Contains('\t', StringComparison.Ordinal));
        return at < 0 ? null : at + 1;
    }

    private static void ReadDocument(Parser parser, Dictionary<AdbcKey, AdbcValue> values, string file)
    {
        if (parser.Accept<MappingStart>(out _))
        {
            ReadMapping(parser, "", values, file);
        }
        else if (!parser.TryConsume<Scalar>(out var scalar) || !IsNull(scalar))
        {
            throw new OperatorException($"{file} must hold keys with values, such as \"ably:\" with \"apiKey:\" below it");
        }

        parser.Consume<DocumentEnd>();
    }

    private static void ReadMapping(Parser parser, string path, Dictionary<AdbcKey, AdbcValue> values, string file)
    {
        parser.Consume<MappingStart>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            var name = parser.Consume<Scalar>();
            var inner = path.Length == 0 ? name.Value : $"{path}.{name.Value}";
            var where = $"{inner} in {file}, line {name.Start.Line}";
            if (AdbcKey.Find(inner) is { } key)
            {
                if (!parser.TryConsume<Scalar>(out var scalar))
                {
                    throw new OperatorException($"{where}, must be one value");
                }

                if (!values.TryAdd(key, new AdbcValue(scalar.Value, $"{inner} in {file}")))
                {
                    throw new OperatorException($"{where}, is there a second time");
                }

                if (IsNull(scalar))
                {
                    values[key] = new AdbcValue("", $"{inner} in {file}");
                }
            }
            else if (AdbcKey.IsSection(inner) && parser.Accept<MappingStart>(out _))
            {
                ReadMapping(parser, inner, values, file);
            }
            else if (!AdbcKey.IsSection(inner))
            {
                var nearest = UnknownKeys.Nearest(inner, AdbcKey.All.Select(one => one.Path).Concat(AdbcKey.Sections));
                throw new OperatorException($"{where}, is not a key of adbc; did you mean {nearest}?");
            }
            else if (!parser.TryConsume<Scalar>(out var empty) || !IsNull(empty))
            {
                var keys = AdbcKey.All
                    .Select(one => one.Path)
                    .Where(one => one.StartsWith(inner + ".", StringComparison.OrdinalIgnoreCase));
                throw new OperatorException($"{where}, must hold keys of its own: {string.Join(", ", keys)}");
            }
        }
    }

    private static bool IsNull(Scalar scalar) =>
        scalar.Style == ScalarStyle.Plain && scalar.Value is "" or "~" or "null" or "Null" or "NULL";
}
