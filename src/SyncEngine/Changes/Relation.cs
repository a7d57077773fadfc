using System.Collections.Immutable;

namespace SyncEngine.Changes;

/// <summary>The old values that an UPDATE or DELETE carries.</summary>
/// <remarks>https://www.postgresql.org/docs/current/sql-altertable.html (REPLICA IDENTITY)</remarks>
public enum ReplicaIdentity
{
    /// <summary>The primary key's columns, when they changed or the row went.</summary>
    Default,

    /// <summary>Nothing: UPDATE and DELETE fail in the application.</summary>
    Nothing,

    /// <summary>The whole old row.</summary>
    Full,

    /// <summary>The columns of one unique index.</summary>
    Index,
}

/// <summary>A column as the Relation message of pgoutput describes it; the order is that of the tuples.</summary>
/// <param name="IsKey">Part of the replica identity.</param>
public sealed record RelationColumn(string Name, uint TypeOid, int TypeModifier, bool IsKey);

/// <summary>A table as the stream describes it. It changes in the middle of a transaction when DDL does.</summary>
public sealed record Relation(uint Oid, string Schema, string Name, ReplicaIdentity Identity, ImmutableArray<RelationColumn> Columns);
