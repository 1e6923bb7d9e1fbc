using System.Security.Cryptography;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace Realtime.WebFront.Http;

/// <summary>The chat, the toolbox and the client library, which are in the assembly: a host's own files stay its own.</summary>
internal static class PageEndpoints
{
    // As the project file names the resources.
    private const string Resources = "pages/";

    public static void MapPages(this IEndpointRouteBuilder endpoints)
    {
        var assembly = typeof(PageEndpoints).Assembly;
        var types = new FileExtensionContentTypeProvider();
        foreach (var resource in assembly.GetManifestResourceNames().Where(name => name.StartsWith(Resources, StringComparison.Ordinal)))
        {
            using var stream = assembly.GetManifestResourceStream(resource)!;
            var content = new byte[stream.Length];
            stream.ReadExactly(content);
            var path = resource[Resources.Length..].Replace('\\', '/');
            var type = types.TryGetContentType(path, out var known) ? known : "application/octet-stream";
            var tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(content)[..12])}\"");
            Map(endpoints, path);
            if (path == "index.html")
                Map(endpoints, "");

            // Asked for again each time (the answer is mostly 304), so that a page never mixes modules of two versions.
            void Map(IEndpointRouteBuilder endpoints, string pattern) =>
                endpoints.MapGetOnly("/" + pattern, context =>
                {
                    SecurityHeaders.SetForPages(context.Response.Headers);
                    return TypedResults.Bytes(content, type, entityTag: tag).ExecuteAsync(context);
                }).AllowAnonymous();
        }
    }
}
