using System.Security.Cryptography;
using Microsoft.AspNetCore.StaticFiles;
using Microsoft.Net.Http.Headers;

namespace Realtime.WebFront.Http;

/// <summary>The chat, the toolbox, the console and the client library, which are in the assembly: a host's own files stay its own.</summary>
internal static class PageEndpoints
{
    // As the project file names the resources.
    private const string Resources = "pages/";

    private const string Console = "console", ConsolePage = Console + ".html";

    // Of the pages as well. Where both are mapped there is one endpoint that is asked.
    private static readonly string[] s_shared = ["shared/", "favicon.svg"];

    /// <summary>Maps all but the console.</summary>
    public static void MapPages(this IEndpointRouteBuilder endpoints)
    {
        foreach (var page in Pages().Where(page => !page.Path.StartsWith(Console, StringComparison.Ordinal)))
        {
            page.Map(endpoints, page.Path);
            if (page.Path == "index.html")
                page.Map(endpoints, "");
        }
    }

    /// <summary>Maps the console, and what it has in common with the others.</summary>
    public static void MapConsole(this IEndpointRouteBuilder endpoints)
    {
        foreach (var page in Pages())
        {
            if (page.Path == ConsolePage)
                page.Map(endpoints, Console);
            else if (page.Path.StartsWith(Console, StringComparison.Ordinal))
                page.Map(endpoints, page.Path);
            else if (s_shared.Any(shared => page.Path.StartsWith(shared, StringComparison.Ordinal)))
                page.Map(endpoints, page.Path).WithOrder(1);
        }
    }

    private static IEnumerable<Page> Pages() => typeof(PageEndpoints).Assembly.GetManifestResourceNames()
        .Where(name => name.StartsWith(Resources, StringComparison.Ordinal)).Select(name => new Page(name));

    private sealed class Page
    {
        private static readonly FileExtensionContentTypeProvider s_types = new();

        private readonly byte[] _content;
        private readonly string _type;
        private readonly EntityTagHeaderValue _tag;

        public Page(string resource)
        {
            using var stream = typeof(PageEndpoints).Assembly.GetManifestResourceStream(resource)!;
            _content = new byte[stream.Length];
            stream.ReadExactly(_content);
            Path = resource[Resources.Length..].Replace('\\', '/');
            _type = s_types.TryGetContentType(Path, out var known) ? known : "application/octet-stream";
            _tag = new EntityTagHeaderValue($"\"{Convert.ToHexStringLower(SHA256.HashData(_content)[..12])}\"");
        }

        public string Path { get; }

        // Asked for again each time (the answer is mostly 304), so that a page never mixes modules of two versions.
        public IEndpointConventionBuilder Map(IEndpointRouteBuilder endpoints, string pattern) =>
            endpoints.MapGetOnly("/" + pattern, context =>
            {
                if (Path == ConsolePage && context.Request.Path.Value!.EndsWith('/'))
                {
                    context.Response.Redirect($"../{Console}"); // its files are found from there
                    return Task.CompletedTask;
                }
                if (Path == ConsolePage)
                    SecurityHeaders.SetForConsole(context.Response.Headers);
                else
                    SecurityHeaders.SetForPages(context.Response.Headers);
                return TypedResults.Bytes(_content, _type, entityTag: _tag).ExecuteAsync(context);
            }).AllowAnonymous();
    }
}
