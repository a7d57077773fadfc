using System.ComponentModel.DataAnnotations;

namespace SyncEngine.Connectors.Ably;

/// <summary>How Ably is reached, and as whom.</summary>
public sealed record AblyOptions
{
    public const string Section = "SyncEngine:Ably";

    /// <summary>An API key, <c>appId.keyId:secret</c>, with the publish capability.</summary>
    public string? Key { get; init; }

    /// <summary>With a key: ask Ably for tokens and publish with those, instead of sending the key each time. Default false.</summary>
    public bool UseTokens { get; init; }

    /// <summary>A token or JWT given by hand; it cannot be renewed.</summary>
    public string? Token { get; init; }

    /// <summary>Answers GET with a token: text, a JWT, a TokenDetails or a TokenRequest (JSON). Asked again when the token has expired.</summary>
    public string? AuthUrl { get; init; }

    /// <summary>Instead of Ably's own hosts: an https:// address, or http:// on loopback. It has no fallback hosts.</summary>
    public string? Endpoint { get; init; }

    /// <summary>Bytes of name, data and extras that the account's plan takes in one publish. Default 64 KiB.</summary>
    [Range(1024, 1024 * 1024)]
    public int MaxMessageBytes { get; init; } = 64 * 1024;

    /// <summary>Requests under way at once; when all are taken, the next messages of different channels share batch requests. Default 16.</summary>
    [Range(1, 256)]
    public int ConcurrentRequests { get; init; } = 16;
}
