namespace SyncEngine.IntegrationTests.Client;

/// <summary>The server sent what CONTRACT §3 rules out.</summary>
public sealed class ProtocolViolationException(string message) : Exception(message);
