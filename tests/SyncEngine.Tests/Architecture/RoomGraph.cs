namespace SyncEngine.Tests.Architecture;

/// <summary>The rooms of the source tree, and which room uses which.</summary>
/// <remarks>
/// A file uses a room when it names a type that only this room declares, and sees its namespace by a using directive, by a qualified name,
/// or as an outer
/// namespace. Below the second level a folder and its own subfolders are one family: nothing is drawn between them.
/// </remarks>
sealed class RoomGraph
{
    private readonly SortedDictionary<string, SortedDictionary<string, SortedSet<string>>> uses = new(StringComparer.Ordinal);

    public RoomGraph(IReadOnlyList<SourceFile> files)
    {
        var owners = files
            .SelectMany(file => file.Types, (file, type) => (type.Name, file.Room))
            .GroupBy(type => type.Name, type => type.Room, StringComparer.Ordinal)
            .Where(rooms => rooms.Distinct(StringComparer.Ordinal).Count() == 1)
            .ToDictionary(rooms => rooms.Key, rooms => rooms.First(), StringComparer.Ordinal);
        foreach (var file in files)
        {
            var imports = file.Imports;
            foreach (var name in file.Names)
            {
                if (owners.TryGetValue(name, out var owner) && Sees(file, imports, owner) && !AreFamily(file.Room, owner))
                {
                    Draw(file, owner, name);
                }
            }
        }
    }

    public IEnumerable<string> Rooms => uses.Keys;

    /// <summary>The rooms that a room uses, each with the names that it uses of them.</summary>
    public IReadOnlyDictionary<string, SortedSet<string>> UsesOf(string room) =>
        uses.TryGetValue(room, out var used) ? used : new SortedDictionary<string, SortedSet<string>>(StringComparer.Ordinal);

    /// <summary>Every room that can be reached from itself, grouped with the rooms on its circles.</summary>
    public IEnumerable<IReadOnlyList<string>> Circles()
    {
        var reachable = uses.Keys.ToDictionary(room => room, Reachable, StringComparer.Ordinal);
        return reachable
            .Where(room => room.Value.Contains(room.Key))
            .Select(room => room.Value.Where(other => reachable.TryGetValue(other, out var back) && back.Contains(room.Key)).ToList())
            .DistinctBy(circle => string.Join(' ', circle), StringComparer.Ordinal);
    }

    private SortedSet<string> Reachable(string from)
    {
        var reached = new SortedSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>(UsesOf(from).Keys);
        while (open.TryPop(out var room))
        {
            if (reached.Add(room))
            {
                foreach (var next in UsesOf(room).Keys)
                {
                    open.Push(next);
                }
            }
        }

        return reached;
    }

    private void Draw(SourceFile file, string owner, string name)
    {
        if (!uses.TryGetValue(file.Room, out var used))
        {
            uses[file.Room] = used = new(StringComparer.Ordinal);
        }

        if (!used.TryGetValue(owner, out var names))
        {
            used[owner] = names = new(StringComparer.Ordinal);
        }

        names.Add($"{name} in {file.Path[(file.Room.Length + 1)..]}");
    }

    private static bool Sees(SourceFile file, IReadOnlySet<string> imports, string room) =>
        imports.Contains(NamespaceOf(room)) || NamespaceOf(file.Room).StartsWith(NamespaceOf(room) + ".", StringComparison.Ordinal);

    private static bool AreFamily(string left, string right) => left == right || IsFamily(left, right) || IsFamily(right, left);

    /// <summary>
    /// "SyncEngine/Tiers/Requery" is of the family of "SyncEngine/Tiers"; "SyncEngine/Tiers" is not of that of "SyncEngine".
    /// </summary>
    private static bool IsFamily(string outer, string inner) =>
        outer.Contains('/', StringComparison.Ordinal) && inner.StartsWith(outer + "/", StringComparison.Ordinal);

    private static string NamespaceOf(string room) => room.Replace('/', '.');
}
