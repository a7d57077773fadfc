using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Postgres.Administration;

/// <summary>The policy for adding tables to the publication.</summary>
public enum PublishMode
{
    /// <summary>Tables with a replica identity are added as they appear, where the engine's role may.</summary>
    Auto,

    /// <summary>The publication is the operator's: the engine never changes it.</summary>
    Fixed,
}

/// <summary>The lifetime of a replication slot.</summary>
public enum SlotKind
{
    /// <summary>As long as the connection: it can never fill the disk, and after a restart every result is read again.</summary>
    Temporary,

    /// <summary>Until it is dropped: nothing is missed across a restart, and WAL is held back while no engine reads.</summary>
    Persistent,
}

/// <summary>The publication and the slot through which the engine reads the write-ahead log.</summary>
public sealed record ReplicationOptions
{
    public const string Section = "SyncEngine:Replication";

    /// <summary>The publication that is read. Default <c>sync</c>. At most 63 bytes, as every name in PostgreSQL.</summary>
    [Required]
    [StringLength(63, MinimumLength = 1)]
    public string Publication { get; init; } = "sync";

    /// <summary>Schemas whose tables are published, as a list or separated by commas. Default: <c>public</c> alone.</summary>
    public IReadOnlyList<string> Schemas { get; init; } = [];

    /// <summary>
    /// The policy for adding tables to the publication. Default <see cref="PublishMode.Auto"/>; without the privilege it acts as
    /// <see cref="PublishMode.Fixed"/>.
    /// </summary>
    public PublishMode Publish { get; init; } = PublishMode.Auto;

    /// <summary>
    /// Default <see cref="SlotKind.Temporary"/>; <see cref="SlotKind.Persistent"/> for WAL bridges that may miss nothing across a restart.
    /// </summary>
    public SlotKind Slot { get; init; } = SlotKind.Temporary;

    /// <summary>The persistent slot's name. Default <c>sync</c>. Lower-case letters, digits and underscores.</summary>
    [Required]
    [RegularExpression("^[a-z0-9_]{1,63}$", ErrorMessage = "a slot's name has lower-case letters, digits and underscores only, at most 63")]
    public string SlotName { get; init; } = "sync";

    /// <summary><see cref="Schemas"/>, or <c>public</c> when none is given.</summary>
    public IReadOnlyList<string> SchemaNames => Schemas.Count == 0 ? ["public"] : Schemas;
}
