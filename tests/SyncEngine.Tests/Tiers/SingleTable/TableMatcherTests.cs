using System.Collections.Immutable;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Changes;
using SyncEngine.Delivery;
using SyncEngine.LiveQueries;
using SyncEngine.Subscriptions;
using SyncEngine.Tests.Changes;
using SyncEngine.Tests.Simulation;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using SyncEngine.Tiers.SingleTable;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Tiers.SingleTable;

/// <summary>The matcher by itself against a model table: results kept from the stream's bytes equal the query's meaning over the rows.</summary>
public sealed class TableMatcherTests
{
    [Fact]
    public void Results_follow_every_transaction_or_say_that_they_cannot() => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var table = new ModelDatabase(random).Tables[random.Next(3)];
        ModelQuery[] kinds = [.. ModelQuery.All.Where(query => query.Plan.SingleTable?.RelationOid == table.Oid)];
        var relations = new RelationMap();
        var matcher = new TableMatcher();
        var step = new TransactionStep();
        List<(LiveQuery Live, ModelQuery Query, ImmutableArray<string?> Parameters)> queries = [];
        for (var i = 0; i < 12; i++)
        {
            var query = kinds[random.Next(kinds.Length)];
            ImmutableArray<string?> parameters = [.. Enumerable.Range(0, query.ParameterCount)
                .Select(_ => random.Next(6) is var value && value < 5 ? value.ToString(System.Globalization.CultureInfo.InvariantCulture) : null)];
            var live = new LiveQuery(query.Plan, parameters, 1_000) { State = new ResultState(isOrdered: false) };
            live.Operands = query.Plan.SingleTable!.OperandsOf(parameters);
            live.Template = matcher.TemplateFor(query.Plan.SingleTable, relations);
            live.Template.Add(live);
            queries.Add((live, query, parameters));
        }

        var changes = new RandomChanges(random);
        var rows = ImmutableSortedDictionary<int, ModelRow>.Empty;
        for (var transaction = 0; transaction < 15; transaction++)
        {
            var drawn = changes.Draw(table, rows, _ => true, mayTruncate: true);
            rows = drawn.Aggregate(rows, (now, change) => change.ApplyTo(now));
            var reading = new ChangeReader(PgOutputBytes.Chunk([table.RelationMessage(), .. drawn.Select(change => change.Message())]), relations);
            while (reading.Read())
            {
                switch (reading.Kind)
                {
                    case ChangeKind.Relation:
                        Assert.Empty(matcher.Bind(reading.Relation));
                        break;
                    case ChangeKind.Truncate:
                        matcher.Truncate(step);
                        break;
                    default:
                        matcher.Process(reading, step);
                        break;
                }
            }

            var state = ImmutableDictionary<uint, ImmutableSortedDictionary<int, ModelRow>>.Empty.Add(table.Oid, rows);
            foreach (var (live, query, parameters) in queries)
            {
                var expected = query.Evaluate(state, parameters);
                var diff = live.Pending is not { } pending ? new RowDiff([], [], [])
                    : pending.IsUndecidable ? live.State!.Replace(expected)
                    : live.State!.Apply(pending);
                Assert.True(live.Pending?.IsUndecidable != true || table.Identity != ReplicaIdentity.Full, "a whole old row leaves nothing undecided");
                foreach (var row in diff.Added)
                {
                    live.Template!.Hold(row.Key, live);
                }

                foreach (var key in diff.Removed)
                {
                    live.Template!.Release(key, live);
                }

                Assert.True(live.State!.Replace(expected).IsEmpty, $"{query.Name}({string.Join(", ", parameters)}) after {string.Join(", ", drawn)}");
            }

            step.End();
        }
    }).Check(Properties.Quiet);
}
