namespace SyncEngine.Server.Options;

/// <summary>Which web pages may talk to the engine.</summary>
sealed record CorsOptions
{
    public const string Section = "SyncEngine:Cors";

    /// <summary>
    /// Origins such as <c>https://app.example.com</c>, as a list or separated by commas; <c>*</c> for every page. The engine's own origin always may, and with an empty list
    /// pages of this machine may reach it over loopback, too. Default: empty.
    /// </summary>
    public string[] Origins { get; init; } = [];
}
