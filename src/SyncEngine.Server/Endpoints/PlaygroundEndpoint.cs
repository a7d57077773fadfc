using Microsoft.Extensions.FileProviders;

namespace SyncEngine.Server.Endpoints;

/// <summary>The playground at /, built from client-ts/playground and copied beside the server.</summary>
static class PlaygroundEndpoint
{
    private const string NotBuilt =
        "The playground has not been built, because npm was missing when the server was built. "
        + "Run `npm ci && npm run build` in client-ts/playground, then build the server again.\n";

    public static void UsePlayground(this WebApplication app)
    {
        var folder = Path.Combine(AppContext.BaseDirectory, "playground");
        if (!File.Exists(Path.Combine(folder, "index.html")))
        {
            app.MapGet("/", () => Results.Text(NotBuilt));
            return;
        }

        var files = new PhysicalFileProvider(folder);
        app.UseDefaultFiles(new DefaultFilesOptions { FileProvider = files });
        app.UseStaticFiles(new StaticFileOptions
        {
            FileProvider = files,
            OnPrepareResponse = prepared =>
            {
                // Assets carry a hash in their name. The page that names them is requested again each time.
                var isAsset = prepared.Context.Request.Path.StartsWithSegments("/assets", StringComparison.Ordinal);
                prepared.Context.Response.Headers.CacheControl = isAsset ? "public, max-age=31536000, immutable" : "no-cache";
            },
        });
    }
}
