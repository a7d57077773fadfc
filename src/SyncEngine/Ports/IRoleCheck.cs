namespace SyncEngine.Ports;

/// <summary>Checks that the engine may run queries as a role.</summary>
public interface IRoleCheck
{
    /// <summary>Answers may be up to 5 seconds old.</summary>
    /// <exception cref="Errors.SyncException"><c>source_unavailable</c> when PostgreSQL cannot be reached.</exception>
    ValueTask<RoleStatus> CheckAsync(string role, CancellationToken cancellationToken);
}

/// <summary>The state of a role that a token names.</summary>
public enum RoleStatus
{
    /// <summary>It exists, the engine may SET ROLE to it, and row-level security applies to it.</summary>
    Usable,

    /// <summary>No such role exists.</summary>
    Unknown,

    /// <summary>The engine's own role may not SET ROLE to it.</summary>
    NotGranted,
    Superuser,
    BypassesRowSecurity,
}
