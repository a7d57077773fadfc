namespace SyncEngine.Postgres.Administration;

/// <summary>
/// A failure that the operator of the engine can correct. The message is one line: the fault, and the correction.
/// </summary>
/// <remarks>Commands and the host print the message alone, without a stack trace, and end with an exit code other than zero.</remarks>
public sealed class OperatorException(string message, Exception? innerException = null) : Exception(message, innerException);
