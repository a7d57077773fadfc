namespace SyncEngine.Ports;

/// <summary>Whether the engine may run queries as a role.</summary>
public interface IRoleCheck
{
    /// <summary>Answers may be up to 5 seconds old.</summary>
    /// <exception cref="Errors.SyncException">With <c>source_unavailable</c> when PostgreSQL cannot be asked.</exception>
    ValueTask<RoleStanding> CheckAsync(string role, CancellationToken cancellationToken);
}

/// <summary>What PostgreSQL says of a role that a token names.</summary>
public enum RoleStanding
{
    /// <summary>It exists, the engine may take it, and row-level security binds it.</summary>
    MayBeTaken,
    Unknown,

    /// <summary>The engine's own role may not SET ROLE to it.</summary>
    NotGranted,
    Superuser,
    BypassesRowSecurity,
}
