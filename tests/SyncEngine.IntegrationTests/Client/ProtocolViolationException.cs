namespace SyncEngine.IntegrationTests.Client;

/// <summary>The server sent what docs/PROTOCOL.md rules out.</summary>
public sealed class ProtocolViolationException(string message) : Exception(message);
