using System.Collections.Immutable;
using Npgsql;
using SyncEngine.Catalog;
using SyncEngine.Changes;
using SyncEngine.Values;

namespace SyncEngine.Postgres.Catalog;

/// <summary>A row of pg_attribute.</summary>
/// <param name="Generated">attgenerated: <c>s</c> stored, <c>v</c> virtual, NUL for an ordinary column.</param>
/// <param name="Collation">n none, d the database's, c bytewise, o another.</param>
sealed record ColumnFacts(
    short Number, string Name, uint Type, int TypeModifier, bool IsNotNull, char Generated, bool IsDeterministic, char Collation);

/// <summary>A row of pg_class with its columns and keys.</summary>
/// <param name="IdentityKey">attnums that identify a row in the stream; empty for none and for FULL.</param>
sealed record TableFacts(
    uint Oid, string Schema, string Name, char Kind, char Persistence, bool IsPartition, bool HasRowSecurity,
    ReplicaIdentity Identity, ImmutableArray<ColumnFacts> Columns, ImmutableArray<short> PrimaryKey, ImmutableArray<short> IdentityKey);

/// <summary>The catalog's rows as one transaction read them; <see cref="ToSchema"/> interprets them.</summary>
sealed class CatalogSnapshot
{
    private readonly Dictionary<uint, SqlType> types;
    private readonly Dictionary<uint, TableFacts> tables;
    private readonly ILookup<uint, uint> children;
    private readonly Dictionary<uint, uint> partitionParents;
    private readonly Dictionary<uint, PublishedTable> published;
    private readonly Dictionary<uint, ulong> fingerprints;
    private readonly PublicationRow? publication;
    private readonly ulong sharedFingerprint;
    private readonly int serverVersion;
    private readonly bool isDefaultBytewise;
    private readonly bool isUtf8;
    private readonly bool hasForeignOperators;
    private readonly CatalogOptions options;

    private CatalogSnapshot(
        CatalogOptions options,
        string pollFingerprint,
        (int Version, bool IsDefaultBytewise, bool IsUtf8) server,
        Dictionary<uint, SqlType> types,
        Dictionary<uint, TableFacts> tables,
        List<(uint Parent, uint Child)> inheritance,
        PublicationRow? publication,
        Dictionary<uint, PublishedTable> published,
        Dictionary<uint, ulong> fingerprints,
        ulong sharedFingerprint,
        bool hasForeignOperators,
        ulong xmax)
    {
        this.options = options;
        PollFingerprint = pollFingerprint;
        (serverVersion, isDefaultBytewise, isUtf8) = server;
        this.types = types;
        this.tables = tables;
        children = inheritance.ToLookup(pair => pair.Parent, pair => pair.Child);
        partitionParents = inheritance
            .Where(pair => tables.TryGetValue(pair.Child, out var child) && child.IsPartition)
            .ToDictionary(pair => pair.Child, pair => pair.Parent);
        this.publication = publication;
        this.published = published;
        this.fingerprints = fingerprints;
        this.sharedFingerprint = sharedFingerprint;
        this.hasForeignOperators = hasForeignOperators;
        Xmax = xmax;
    }

    /// <summary>The result of <see cref="CatalogQueries.PollFingerprint"/> in the same transaction.</summary>
    public string PollFingerprint { get; }

    /// <summary>Every transaction that was under way right after the read has an id below this.</summary>
    public ulong Xmax { get; }

    public static async Task<CatalogSnapshot> ReadAsync(
        NpgsqlConnection connection, CatalogOptions options, CancellationToken cancellationToken)
    {
        await using var batch = new NpgsqlBatch(connection);
        void Ask(string sql, object? parameter = null)
        {
            var command = new NpgsqlBatchCommand(sql);
            if (parameter is not null)
            {
                command.Parameters.Add(new NpgsqlParameter { Value = parameter });
            }

            batch.BatchCommands.Add(command);
        }

        Ask("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        Ask(CatalogQueries.PollFingerprint);
        Ask(CatalogQueries.Server);
        Ask(CatalogQueries.Types);
        Ask(CatalogQueries.EnumLabels);
        Ask(CatalogQueries.Attributes);
        Ask(CatalogQueries.Tables);
        Ask(CatalogQueries.Keys);
        Ask(CatalogQueries.Children);
        Ask(CatalogQueries.Publication, options.Publication);
        Ask(CatalogQueries.PublishedTables, options.Publication);
        Ask(CatalogQueries.TableFingerprints);
        Ask(CatalogQueries.SharedFingerprint);
        Ask(CatalogQueries.ForeignOperators, options.SearchPath.ToArray());
        Ask("COMMIT");

        // After the transaction: the server's caches of the publication may be newer than the transaction's snapshot, but not than this.
        Ask(CatalogQueries.SnapshotXmax);

        await using var reader = await batch.ExecuteReaderAsync(cancellationToken);
        async Task<List<T>> Rows<T>(Func<NpgsqlDataReader, T> row)
        {
            var rows = new List<T>();
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(row(reader));
            }

            await reader.NextResultAsync(cancellationToken);
            return rows;
        }

        var poll = (await Rows(r => r.GetString(0)))[0];
        var server = (await Rows(r => (r.GetInt32(0), r.GetBoolean(1), r.GetBoolean(2))))[0];
        var typeRows = await Rows(r => new TypeRow(
            Oid(r, 0), r.GetString(1), r.GetString(2), r.GetChar(3), Oid(r, 4), Oid(r, 5), Oid(r, 6), r.GetChar(7), r.GetBoolean(8)));
        var labels = await Rows(r => (Type: Oid(r, 0), Label: r.GetString(1)));
        var columns = (await Rows(r => (Relation: Oid(r, 0), Column: ToColumnFacts(r))))
            .ToLookup(pair => pair.Relation, pair => pair.Column);
        var classes = await Rows(r => (
            Oid: Oid(r, 0),
            Schema: r.GetString(1),
            Name: r.GetString(2),
            Kind: r.GetChar(3),
            Persistence: r.GetChar(4),
            Identity: r.GetChar(5),
            IsPartition: r.GetBoolean(6),
            HasRowSecurity: r.GetBoolean(7)));
        var keys = await Rows(r => (
            Table: Oid(r, 0),
            IsPrimary: r.GetBoolean(1),
            IsIdentity: r.GetBoolean(2),
            Columns: ImmutableArray.Create(r.GetFieldValue<short[]>(3))));
        var inheritance = await Rows(r => (Oid(r, 0), Oid(r, 1)));
        var publications = await Rows(r => new PublicationRow(Oid(r, 0), r.GetBoolean(1), r.GetBoolean(2)));
        var published = await Rows(r => (
            Table: Oid(r, 0),
            Entry: new PublishedTable(r.IsDBNull(1) ? null : r.GetFieldValue<short[]>(1), r.GetBoolean(2), Oid(r, 3))));
        var fingerprints = await Rows(r => (Table: Oid(r, 0), Value: (ulong)r.GetInt64(1)));
        var shared = (await Rows(r => (ulong)r.GetInt64(0)))[0];
        var foreignOperators = (await Rows(r => r.GetBoolean(0)))[0];
        var xmax = (await Rows(r => ulong.Parse(r.GetString(0))))[0];

        var primaryKeys = keys.Where(key => key.IsPrimary).ToDictionary(key => key.Table, key => key.Columns);
        var identityIndexes = keys.Where(key => key.IsIdentity).ToDictionary(key => key.Table, key => key.Columns);
        var tables = classes.ToDictionary(row => row.Oid, row =>
        {
            var identity = ToIdentity(row.Identity);
            var primaryKey = primaryKeys.GetValueOrDefault(row.Oid, []);
            var identityKey = identity switch
            {
                ReplicaIdentity.Default => primaryKey,
                ReplicaIdentity.Index => identityIndexes.GetValueOrDefault(row.Oid, []),
                _ => [],
            };
            return new TableFacts(
                row.Oid,
                row.Schema,
                row.Name,
                row.Kind,
                row.Persistence,
                row.IsPartition,
                row.HasRowSecurity,
                identity,
                [.. columns[row.Oid]],
                primaryKey,
                identityKey);
        });
        var types = new TypeCatalog(
            typeRows.ToDictionary(row => row.Oid),
            labels.ToLookup(row => row.Type, row => row.Label),
            typeRows.Where(row => row.Class != 0)
                .SelectMany(row => columns[row.Class].Select(column => (row.Class, Member: (column.Name, column.Type))))
                .ToLookup(pair => pair.Class, pair => pair.Member)).BuildAll();

        return new CatalogSnapshot(
            options,
            poll,
            server,
            types,
            tables,
            inheritance,
            publications.Count == 0 ? null : publications[0],
            published.ToDictionary(row => row.Table, row => row.Entry),
            fingerprints.ToDictionary(row => row.Table, row => row.Value),
            shared,
            foreignOperators,
            xmax);
    }

    /// <summary>The identity of each published table's membership: it differs when the table was removed and added again.</summary>
    public Dictionary<uint, (uint Publication, uint Entry)> Memberships() =>
        published.ToDictionary(pair => pair.Key, pair => (publication?.Oid ?? 0, pair.Value.EntryOid));

    /// <param name="streamedAfter">StreamedAfterXid of the tables that have one.</param>
    public DatabaseSchema ToSchema(long version, IReadOnlyDictionary<uint, ulong> streamedAfter)
    {
        var streaming = new Streaming(options.Publication, publication, published);
        var judged = tables.Values
            .Where(table => table.Kind != 'p')
            .ToDictionary(table => table.Oid, table => streaming.Judge(table, RootOf(table)));
        return new DatabaseSchema(
            version,
            serverVersion,
            tables.Values.ToDictionary(
                table => table.Oid,
                table => ToTable(table, streaming, JudgementOf(table, judged), streamedAfter.GetValueOrDefault(table.Oid))),
            types,
            options.SearchPath,
            hasForeignOperators);
    }

    /// <summary>Equal to another snapshot's exactly when their schemas differ at most in the version.</summary>
    public ulong ContentFingerprint(IReadOnlyDictionary<uint, ulong> streamedAfter)
    {
        var sum = Mix(sharedFingerprint, hasForeignOperators ? 1UL : 0UL);
        foreach (var table in tables.Values.OrderBy(table => table.Oid))
        {
            sum = Mix(Mix(sum, table.Oid), Mix(FingerprintOf(table), streamedAfter.GetValueOrDefault(table.Oid)));
        }

        return types.Keys.Order().Aggregate(sum, (mixed, oid) => Mix(mixed, oid));
    }

    private NotStreamed? JudgementOf(TableFacts table, Dictionary<uint, NotStreamed?> judged)
    {
        if (table.Kind != 'p')
        {
            return judged[table.Oid];
        }

        foreach (var child in children[table.Oid])
        {
            if (tables.TryGetValue(child, out var leaf) && JudgementOf(leaf, judged) is { } judgement)
            {
                return leaf.Kind == 'p'
                    ? judgement
                    : judgement with { Because = $"has the partition \"{leaf.Schema}.{leaf.Name}\", which {judgement.Because}" };
            }
        }

        return null;
    }

    private TableFacts RootOf(TableFacts table) =>
        partitionParents.TryGetValue(table.Oid, out var parent) && tables.TryGetValue(parent, out var above) ? RootOf(above) : table;

    private Table ToTable(TableFacts table, Streaming streaming, NotStreamed? judgement, ulong streamedAfter)
    {
        var columns = table.Columns
            .Select(column => ToColumn(column, streaming.IsSent(table, column, serverVersion)))
            .ToImmutableArray();
        return new Table(
            table.Oid,
            table.Schema,
            table.Name,
            table.Kind,
            table.Identity,
            columns,
            table.PrimaryKey,
            IdentityColumns: table.Identity == ReplicaIdentity.Full
                ? [.. columns.Where(column => column.IsStreamed).Select(column => column.Number)]
                : table.IdentityKey,
            Children: [.. children[table.Oid]],
            IsStreamed: judgement is null,
            judgement?.Because,
            streamedAfter,
            table.HasRowSecurity,
            FingerprintOf(table))
        {
            StreamedIf = judgement?.StreamedIf,
        };
    }

    private Column ToColumn(ColumnFacts column, bool isStreamed)
    {
        var type = types.GetValueOrDefault(column.Type) ?? TypeCatalog.Unknown(column.Type);
        var isText = type.Underlying.Oid is TypeOid.Text or TypeOid.VarChar or TypeOid.Name;
        var isBytewise = isUtf8 && (column.Collation == 'c' || (column.Collation == 'd' && isDefaultBytewise));
        return new Column(
            column.Number,
            column.Name,
            type,
            column.TypeModifier,
            column.IsNotNull,
            isStreamed,
            HasByteEquality: isText && column.IsDeterministic,
            HasByteOrder: isText && isBytewise);
    }

    private ulong FingerprintOf(TableFacts table)
    {
        var own = Mix(fingerprints.GetValueOrDefault(table.Oid), sharedFingerprint);
        return published.TryGetValue(table.Oid, out var member) && publication is { } publishing
            ? Mix(own, FingerprintOf(publishing, member))
            : Mix(own, 0);
    }

    private static ulong FingerprintOf(PublicationRow publishing, PublishedTable member)
    {
        var flags = (member.HasFilter ? 1UL : 0) + (publishing.PublishesAll ? 2UL : 0) + (publishing.ViaRoot ? 4UL : 0);
        var columns = member.Columns is { } listed ? listed.Aggregate(8UL, (sum, number) => Mix(sum, (ulong)number)) : 0;
        return Mix(publishing.Oid, Mix(member.EntryOid, flags + columns));
    }

    // The finaliser of SplitMix64 over both words.
    private static ulong Mix(ulong left, ulong right)
    {
        var mixed = (left * 0x9E3779B97F4A7C15) ^ (right + 0xD1B54A32D192ED03 + (left << 6));
        mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
        return mixed ^ (mixed >> 31);
    }

    private static ColumnFacts ToColumnFacts(NpgsqlDataReader r) =>
        new(r.GetInt16(1), r.GetString(2), Oid(r, 3), r.GetInt32(4), r.GetBoolean(5), r.GetChar(6), r.GetBoolean(7), r.GetChar(8));

    private static ReplicaIdentity ToIdentity(char code) => code switch
    {
        'n' => ReplicaIdentity.Nothing,
        'f' => ReplicaIdentity.Full,
        'i' => ReplicaIdentity.Index,
        _ => ReplicaIdentity.Default,
    };

    private static uint Oid(NpgsqlDataReader reader, int ordinal) => reader.GetFieldValue<uint>(ordinal);
}
