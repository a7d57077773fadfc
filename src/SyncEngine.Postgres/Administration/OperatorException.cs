namespace SyncEngine.Postgres.Administration;

/// <summary>
/// Something that whoever runs the engine can mend. The message is one line: what is wrong, and what to do about it.
/// </summary>
/// <remarks>Commands and the host print the message alone, without a stack trace, and end with an exit code other than zero.</remarks>
public sealed class OperatorException(string message, Exception? innerException = null) : Exception(message, innerException);
