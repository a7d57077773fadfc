using System.Collections.Immutable;
using SyncEngine.Changes;

namespace SyncEngine.Tests.Simulation;

/// <summary>A transaction whose commit record is in the log. Its locks last until it is visible.</summary>
sealed class ModelCommit(ulong xid, Lsn endLsn, IReadOnlyList<ModelChange> changes, ModelState after)
{
    public ulong Xid { get; } = xid;

    public Lsn EndLsn { get; } = endLsn;

    public IReadOnlyList<ModelChange> Changes { get; } = changes;

    /// <summary>The state after it, in commit order.</summary>
    public ModelState After { get; } = after;

    public bool IsVisible { get; set; }

    public IReadOnlyList<uint> Touched { get; } = [.. changes.Select(change => change.Table.Oid).Distinct()];
}

/// <summary>
/// A database in miniature: transactions with ids, a log of commit records, and visibility that may come later and in another order than the
/// records, as it does with synchronous standbys.
/// </summary>
sealed class ModelDatabase(Random random)
{
    private readonly RandomChanges changes = new(random);
    private readonly List<ModelCommit> commits = [];
    private readonly List<ulong> open = [];
    private readonly List<(ModelCommit Commit, int Number)> invisible = [];
    private ulong nextXid = 700 + (ulong)random.Next(100);

    public IReadOnlyList<ModelTable> Tables { get; } =
    [
        new(20_001, "items", ReplicaIdentity.Default), new(20_002, "notes", ReplicaIdentity.Full), new(20_003, "marks", ReplicaIdentity.Index),
    ];

    /// <summary>The position of the next record; everything below is flushed.</summary>
    public Lsn InsertPosition { get; private set; } = new(0x1000);

    public IReadOnlyList<ModelCommit> Commits => commits;

    public bool IsEverythingVisible => invisible.Count == 0;

    public ModelState Latest => commits.Count == 0 ? Empty : commits[^1].After;

    private ModelState Empty => Tables.ToImmutableDictionary(table => table.Oid, _ => ImmutableSortedDictionary<int, ModelRow>.Empty);

    public void Write() => InsertPosition = new Lsn(InsertPosition.Value + 1 + (ulong)random.Next(50));

    public void Begin() => open.Add(nextXid++);

    public void Abort()
    {
        if (open.Count > 0)
        {
            open.RemoveAt(random.Next(open.Count));
        }
    }

    /// <summary>Writes and commits in one of the open transactions, or in a new one.</summary>
    public void Commit(bool isVisible, ModelTable? only = null)
    {
        if (open.Count == 0 || random.Next(2) == 0)
        {
            Begin();
        }

        var turn = random.Next(open.Count);
        var xid = open[turn];
        open.RemoveAt(turn);
        List<ModelChange> drawn = [];
        foreach (var table in only is null ? Tables.Where(_ => random.Next(2) == 0) : [only])
        {
            var locks = invisible.SelectMany(entry => entry.Commit.Changes).Where(change => change.Table == table).ToList();
            if (!locks.Exists(change => change.IsTruncate))
            {
                drawn.AddRange(changes.Draw(
                    table, Latest[table.Oid], key => !locks.Exists(change => change.Old?.Id == key || change.New?.Id == key), mayTruncate: locks.Count == 0 && only is null));
            }
        }

        if (drawn.Count == 0)
        {
            Write();
            return;
        }

        var after = drawn.Aggregate(Latest, (state, change) => state.SetItem(change.Table.Oid, change.ApplyTo(state[change.Table.Oid])));
        Write();
        var commit = new ModelCommit(xid, InsertPosition, drawn, after) { IsVisible = isVisible };
        commits.Add(commit);
        if (!isVisible)
        {
            invisible.Add((commit, commits.Count - 1));
        }
    }

    public void MakeOneVisible()
    {
        if (invisible.Count > 0)
        {
            var turn = random.Next(invisible.Count);
            invisible[turn].Commit.IsVisible = true;
            invisible.RemoveAt(turn);
        }
    }

    public void MakeAllVisible()
    {
        while (invisible.Count > 0)
        {
            MakeOneVisible();
        }
    }

    /// <summary>An unfinished TRUNCATE has the table's lock, and readers wait for it.</summary>
    public bool CanRead(IEnumerable<uint> tables) =>
        !invisible.Exists(entry => entry.Commit.Changes.Any(change => change.IsTruncate && tables.Contains(change.Table.Oid)));

    public (PgSnapshot Snapshot, ModelState Visible) TakeSnapshot()
    {
        ulong[] running = [.. open, .. invisible.Select(entry => entry.Commit.Xid)];
        var snapshot = new PgSnapshot(running.Append(nextXid).Min(), nextXid, running);
        var first = invisible.Count == 0 ? commits.Count : invisible.Min(entry => entry.Number);
        var state = first == 0 ? Empty : commits[first - 1].After;
        foreach (var change in commits.Skip(first).Where(commit => commit.IsVisible).SelectMany(commit => commit.Changes))
        {
            state = state.SetItem(change.Table.Oid, change.ApplyTo(state[change.Table.Oid]));
        }

        return (snapshot, state);
    }

    /// <summary>The rows as of a position of the log: the truth that clients are compared with.</summary>
    public ModelState At(Lsn cut)
    {
        int low = 0, high = commits.Count;
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (commits[middle].EndLsn <= cut)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low == 0 ? Empty : commits[low - 1].After;
    }
}
