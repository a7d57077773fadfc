namespace SyncEngine.Server.Commands;

/// <summary>The exit codes of commands.</summary>
static class ExitCode
{
    public const int Success = 0;

    /// <summary>Something is missing, or the command has failed.</summary>
    public const int Failure = 1;

    /// <summary>The arguments cannot be understood.</summary>
    public const int InvalidArguments = 2;
}
