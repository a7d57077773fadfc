using System.Collections.Immutable;
using System.Globalization;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Changes;
using SyncEngine.Changes.PgOutput;
using SyncEngine.Tests.Changes;
using SyncEngine.Tests.Simulation;
using SyncEngine.Tests.Values;
using SyncEngine.Tiers;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Tiers;

/// <summary>The contract of <see cref="ITier"/>, over a model database. Every tier inherits it.</summary>
public abstract class TierSpecification
{
    private protected abstract ITier Create(RelationMap relations);

    /// <summary>Queries of the tier.</summary>
    private protected abstract IReadOnlyList<ModelQuery> Queries { get; }

    [Fact]
    public void A_current_result_follows_every_transaction_or_must_be_read() => Check((random, run) =>
    {
        var results = run.AddSome(random, 12);
        foreach (var result in results)
        {
            result.Kept.Hydrate(result.Truth(run.Database.Latest), isCurrent: true);
        }

        for (var i = 0; i < 15; i++)
        {
            run.Database.Commit(isVisible: true);
            var answers = run.DeliverNew();
            Assert.Equal(answers.Count, answers.Select(answer => answer.Result).Distinct().Count());
            Assert.All(answers, answer => Assert.False(answer.Diff?.IsEmpty == true, "an answer is a diff that says something, or asks for a read"));
            foreach (var result in results)
            {
                var truth = result.Truth(run.Database.Latest);
                if (!result.Kept.IsCurrent)
                {
                    Assert.Contains(answers, answer => answer.Result == result.Kept && answer.Diff is null);
                    result.Kept.Hydrate(truth, isCurrent: true);
                    continue;
                }

                // A whole result without a difference leaves the rows as they are.
                Assert.True(result.Kept.Hydrate(truth, isCurrent: true).IsEmpty, result.ToString());
            }
        }
    });

    [Fact]
    public void After_it_must_be_read_a_result_has_no_diff_until_it_is_hydrated() => Check((random, run) =>
    {
        var results = run.AddSome(random, 12);
        foreach (var result in results)
        {
            result.Kept.Hydrate(result.Truth(run.Database.Latest), isCurrent: true);
            result.Kept.Invalidate();
        }

        for (var i = 0; i < 5; i++)
        {
            run.Database.Commit(isVisible: true);
            Assert.All(run.DeliverNew(), answer => Assert.Null(answer.Diff));
        }
    });

    [Fact]
    public void Changes_during_a_read_are_fitted_to_the_rows() => Check((random, run) =>
    {
        foreach (var result in run.AddSome(random, 6))
        {
            run.Database.Commit(isVisible: random.Next(2) == 0);
            run.DeliverNew();
            var start = run.Position;
            result.Kept.BeginRead();
            Write(random, run);
            var (snapshot, visible) = run.Database.TakeSnapshot();
            Write(random, run);
            var read = new ReadRows(result.Truth(visible), snapshot, start, WatchVersion: 0, run.Commits, run.Position);
            if (result.Kept.Fit(read) is Fit.Fitted fitted)
            {
                Assert.True(fitted.Cut <= run.Position);
                Assert.Equal(fitted.IsCurrent, fitted.Cut == run.Position);
                Assert.True(Same(result.Truth(run.Database.At(fitted.Cut)), fitted.Rows), $"{result} at {fitted.Cut}");
            }

            result.Kept.EndRead();
        }
    });

    [Fact]
    public void A_removed_result_leaves_nothing_behind() => Check((random, run) =>
    {
        var results = run.AddSome(random, 12);
        foreach (var result in results)
        {
            result.Kept.BeginRead();
            result.Kept.Hydrate(result.Truth(run.Database.Latest), isCurrent: true);
            run.Database.Commit(isVisible: true);
            run.DeliverNew();
        }

        Assert.Equal(results.Count, run.Tier.Measure().Results);
        foreach (var result in results)
        {
            result.Kept.Remove();
        }

        Assert.Equal(default, run.Tier.Measure());
        run.Database.Commit(isVisible: true);
        Assert.Empty(run.DeliverNew());
    });

    [Fact]
    public void Rows_go_on_under_another_plan_and_are_forgotten_with_their_history() => Check((random, run) =>
    {
        foreach (var result in run.AddSome(random, 6))
        {
            var truth = result.Truth(run.Database.Latest);
            result.Kept.Hydrate(truth, isCurrent: true);
            var known = result.Kept.Rows;
            result.Kept.Remove();
            var next = run.Tier.Add(result.Query.Plan.Tier, result, known);
            Assert.False(next.IsCurrent);
            Assert.True(next.Hydrate(truth, isCurrent: true).IsEmpty);
            next.Forget();
            Assert.Null(next.Rows);
            Assert.Equal(truth.Count, next.Hydrate(truth, isCurrent: true).Added.Count);
            next.Remove();
        }

        Assert.Equal(default, run.Tier.Measure());
    });

    private static void Write(Random random, TierRun run)
    {
        for (var i = random.Next(4); i > 0; i--)
        {
            run.Database.Commit(isVisible: random.Next(3) > 0);
            if (random.Next(3) == 0)
            {
                run.Database.MakeOneVisible();
            }
        }

        run.DeliverNew();
    }

    private static bool Same(IReadOnlyList<EncodedRow> left, IReadOnlyList<EncodedRow> right)
    {
        var state = new ResultState(isOrdered: false);
        state.Replace(left);
        return state.Replace(right).IsEmpty;
    }

    private void Check(Action<Random, TierRun> property) => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var relations = new RelationMap();
        var run = new TierRun(Create(relations), Queries, relations, new ModelDatabase(random));
        for (var i = 0; i < 3; i++)
        {
            run.Database.Commit(isVisible: true);
        }

        run.DeliverNew();
        property(random, run);
    }).Check(Properties.Quiet);
}

/// <summary>A tier, the results that it keeps, and the model database whose transactions it is given.</summary>
sealed class TierRun(ITier tier, IReadOnlyList<ModelQuery> queries, RelationMap relations, ModelDatabase database)
{
    private int delivered;

    public ITier Tier { get; } = tier;

    public ModelDatabase Database { get; } = database;

    public CommitLog Commits { get; } = new();

    public Lsn Position { get; private set; }

    public List<TierRunResult> AddSome(Random random, int count)
    {
        List<TierRunResult> results = [];
        for (var i = 0; i < count; i++)
        {
            var query = queries[random.Next(queries.Count)];
            ImmutableArray<string?> parameters = [.. Enumerable.Range(0, query.ParameterCount)
                .Select(_ => random.Next(6) is var value && value < 5 ? value.ToString(CultureInfo.InvariantCulture) : null)];
            var result = new TierRunResult(query, parameters);
            result.Kept = Tier.Add(query.Plan.Tier, result, known: null);
            results.Add(result);
        }

        return results;
    }

    /// <summary>Gives the tier the transactions that it has not been given yet.</summary>
    public List<ResultChange> DeliverNew()
    {
        List<ResultChange> answers = [];
        for (; delivered < Database.Commits.Count; delivered++)
        {
            answers.AddRange(Deliver(Database.Commits[delivered]));
        }

        return answers;
    }

    private List<ResultChange> Deliver(ModelCommit commit)
    {
        Commits.Record(new Commit(commit.Xid, commit.EndLsn, commit.Touched, WatchVersion: 0));
        IEnumerable<byte[]> messages = commit.Changes.Select(change => change.Table).Distinct().Select(table => table.RelationMessage())
            .Concat(commit.Changes.Select(change => change.Message()));
        var change = new ChangeReader(PgOutputBytes.Chunk([.. messages]), relations);
        while (change.Read())
        {
            switch (change.Kind)
            {
                case ChangeKind.Relation:
                    Assert.True(Tier.OnRelation(change.Relation));
                    break;
                case ChangeKind.Truncate:
                    Tier.OnTruncate(change.Truncate[0]);
                    break;
                default:
                    Tier.OnRow(change);
                    break;
            }
        }

        List<ResultChange> answers = [];
        Tier.Complete(
            new CommittedTransaction(
                commit.Xid, new CommitMessage(commit.EndLsn, commit.EndLsn, 0), commit.Touched, 0, NoMessages.Instance),
            answers);
        Position = commit.EndLsn;
        return answers;
    }

    private sealed class NoMessages : IMessageSpool
    {
        public static readonly NoMessages Instance = new();

        public IEnumerable<ReadOnlyMemory<byte>> Read() => [];

        public void Dispose()
        {
        }
    }
}

/// <summary>A result under test, with the meaning of its query.</summary>
sealed class TierRunResult(ModelQuery query, ImmutableArray<string?> parameters) : ITierQuery
{
    public ModelQuery Query { get; } = query;

    public TierResult Kept { get; set; } = null!;

    public ImmutableArray<string?> Parameters { get; } = parameters;

    public ImmutableArray<uint> Relations => Query.Plan.Tables;

    public bool ReadsAnything => Query.Plan.ReadsAnything;

    public bool IsOrdered => Query.Plan.IsOrdered;

    public List<EncodedRow> Truth(ModelState state) => Query.Evaluate(state, Parameters);

    public override string ToString() => $"{Query.Name}({string.Join(", ", Parameters)})";
}
