using SyncEngine.LiveQueries;
using SyncEngine.Tests.Server;
using Xunit;

namespace SyncEngine.Tests.LiveQueries;

/// <summary>Every cell of docs/LIVE-QUERY-STATES.md, in every state that has it.</summary>
public sealed class LiveQueryMachineTests
{
    private const string Impossible = "impossible";
    private static readonly Dictionary<(string Table, string Event, string Column), string> cells = ReadCells();

    public static TheoryData<string, string, bool, string> States()
    {
        var data = new TheoryData<string, string, bool, string>();
        foreach (var happened in Enum.GetNames<LiveQueryEvent>())
        {
            foreach (var rows in Enum.GetNames<RowsState>())
            {
                foreach (var read in Enum.GetNames<ReadState>())
                {
                    data.Add(rows, read, false, happened);
                    data.Add(rows, read, true, happened);
                }
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(States))]
    public void Each_state_and_event_leads_where_the_table_says(string rows, string read, bool isSuspended, string happened)
    {
        var suspended = isSuspended ? "Suspended" : "Running";
        string[] expected = [cells[("Rows", happened, rows)], cells[("Read", happened, read)], cells[("Suspended", happened, suspended)]];
        var state = new LiveQueryState(Enum.Parse<RowsState>(rows), Enum.Parse<ReadState>(read), isSuspended);
        if (expected.Contains(Impossible))
        {
            Assert.Throws<InvalidOperationException>(() => LiveQueryMachine.Next(state, Enum.Parse<LiveQueryEvent>(happened)));
            return;
        }

        var (next, effects) = LiveQueryMachine.Next(state, Enum.Parse<LiveQueryEvent>(happened));
        Assert.Equal(Target(expected[0], rows), next.Rows.ToString());
        Assert.Equal(Target(expected[1], read), next.Read.ToString());
        Assert.Equal(Target(expected[2], suspended), next.IsSuspended ? "Suspended" : "Running");
        Assert.Equal(expected.Aggregate(LiveQueryEffects.None, (all, cell) => all | EffectsOf(cell)), effects);
    }

    [Fact]
    public void The_page_has_a_row_for_every_event_and_every_effect()
    {
        var page = Page();
        Assert.All(Enum.GetNames<LiveQueryEvent>(), name => Assert.Equal(4, page.Count(line => line.StartsWith($"| {name} |", StringComparison.Ordinal))));
        var effects = string.Join('\n', page.SkipWhile(line => line != "## Effects"));
        Assert.All(Enum.GetNames<LiveQueryEffects>().Where(name => name != "None"), name => Assert.Contains(name, effects, StringComparison.Ordinal));
    }

    private static string Target(string cell, string otherwise) => cell.Length == 0 ? otherwise : cell.Split(':')[0];

    private static LiveQueryEffects EffectsOf(string cell) =>
        cell.Split(':') is [_, var names] ? Enum.Parse<LiveQueryEffects>(names.Trim().Replace(' ', ',')) : LiveQueryEffects.None;

    private static string[] Page() => File.ReadAllLines(Path.Combine(Repository.Root, "docs", "LIVE-QUERY-STATES.md"));

    private static Dictionary<(string Table, string Event, string Column), string> ReadCells()
    {
        Dictionary<(string, string, string), string> cells = [];
        var table = "";
        string[] columns = [];
        foreach (var line in Page())
        {
            if (line.StartsWith("## ", StringComparison.Ordinal))
            {
                table = line[3..];
                columns = [];
            }
            else if (line.StartsWith("| ", StringComparison.Ordinal) && table is "Rows" or "Read" or "Suspended")
            {
                string[] parts = [.. line.Trim('|').Split('|').Select(part => part.Trim())];
                if (columns.Length == 0)
                {
                    columns = parts;
                }
                else if (!parts[0].StartsWith('-'))
                {
                    for (var i = 1; i < parts.Length; i++)
                    {
                        cells.Add((table, parts[0], columns[i]), parts[i]);
                    }
                }
            }
        }

        return cells;
    }
}
