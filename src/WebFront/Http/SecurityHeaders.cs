namespace Realtime.WebFront.Http;

/// <summary>
/// What browsers may do with an answer of the front. Set by each endpoint for itself, since a host's own endpoints are none of the front's
/// business.
/// </summary>
internal static class SecurityHeaders
{
    // The chat and the toolbox connect to this server, the toolbox to others as well if it is told.
    private const string OfPages = "default-src 'self'; connect-src 'self' ws: wss:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

    // It has a token, and shows what clients have written: nothing but its own files, no address but this server, and no text is ever made markup.
    private const string OfConsole = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

    private const string OfData = "default-src 'none'; frame-ancestors 'none'";

    /// <summary>For what is no page: nothing of it is run or shown in a frame.</summary>
    public static void SetForData(IHeaderDictionary headers) => Set(headers, OfData);

    /// <summary>For the pages, whose scripts and styles are files of their own.</summary>
    public static void SetForPages(IHeaderDictionary headers) => Set(headers, OfPages);

    /// <summary>For the console's page.</summary>
    public static void SetForConsole(IHeaderDictionary headers) => Set(headers, OfConsole);

    private static void Set(IHeaderDictionary headers, string policy)
    {
        headers.ContentSecurityPolicy = policy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY"; // for browsers that do not know frame-ancestors
        headers["Referrer-Policy"] = "no-referrer"; // an address may have a token in it
    }
}
