namespace SyncEngine.Server.Options;

/// <summary>The web pages that may use the engine.</summary>
sealed record CorsOptions
{
    public const string Section = "SyncEngine:Cors";

    /// <summary>
    /// Origins such as <c>https://app.example.com</c>, as a list or separated by commas; <c>*</c> for every page. The engine's own origin
    /// is always admitted, and with an empty list pages of this machine over loopback, too. Default: empty.
    /// </summary>
    public string[] Origins { get; init; } = [];
}
