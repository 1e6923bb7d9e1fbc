using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using Microsoft.Playwright;

namespace Realtime.EndToEnd.Tests;

/// <summary>One front and one browser for the tests of a class. Tests use rooms and names of their own.</summary>
public sealed class BrowserFixture : IAsyncLifetime
{
    /// <summary>Where distributions put Chromium; REALTIME_CHROMIUM names any other.</summary>
    private static readonly string?[] s_candidates =
    [
        Environment.GetEnvironmentVariable("REALTIME_CHROMIUM"),
        "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome", "/usr/bin/google-chrome-stable",
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    ];

    /// <summary>How many rooms the front lets one connection into: fewer than by default, to get there sooner.</summary>
    internal const int MaxRooms = 5;

    /// <summary>How many users a room has at the most that tells who comes and goes.</summary>
    internal const int PresenceLimit = 3;

    private readonly byte[] _key = RandomNumberGenerator.GetBytes(32);
    private IPlaywright? _playwright;
    private IBrowser? _browser;
    private FrontProcess? _front;

    internal FrontProcess Front => _front ?? throw NotStarted();

    public async ValueTask InitializeAsync()
    {
        if (Array.Find(s_candidates, File.Exists) is not { } chromium)
            return; // each test says so, as a skip that is seen
        _playwright = await Playwright.CreateAsync();
        _browser = await _playwright.Chromium.LaunchAsync(new()
        {
            ExecutablePath = chromium,
            // No sandbox: containers lack the kernel rights for it. The rest keeps the browser from calling home.
            Args =
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
                "--disable-background-networking", "--disable-component-update", "--disable-sync",
            ],
            Timeout = 60_000, // ms; a cold start on a busy machine
        });
        _front = await FrontProcess.StartAsync([$"--Front:MaxRoomsPerConnection={MaxRooms}", $"--Rooms:PresenceLimit={PresenceLimit}", .. Trust]);
    }

    /// <summary>Settings of a front that believes <see cref="Token"/>.</summary>
    internal string[] Trust => ["--Authentication:Schemes:Bearer:SigningKeys:0:Id=k", $"--Authentication:Schemes:Bearer:SigningKeys:0:Value={Convert.ToBase64String(_key)}"];

    /// <summary>A token of the user that the front believes for an hour; in Development it has an issuer and an audience.</summary>
    internal string Token(string user, string scope = "")
    {
        var payload = $$"""{"iss":"dotnet-user-jwts","aud":"realtime","sub":"{{user}}","scope":"{{scope}}","exp":{{DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 3600}}}""";
        var signed = $"{Encode("""{"alg":"HS256","typ":"JWT","kid":"k"}"""u8)}.{Encode(Encoding.UTF8.GetBytes(payload))}";
        return $"{signed}.{Encode(HMACSHA256.HashData(_key, Encoding.UTF8.GetBytes(signed)))}";

        static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);
    }

    internal static bool HasChromium => Array.Exists(s_candidates, File.Exists);

    /// <summary>Skips the test where there is no browser.</summary>
    internal static void RequireChromium()
    {
        if (!HasChromium)
            Assert.Skip("No Chromium is installed (Debian: apt-get install chromium; elsewhere set REALTIME_CHROMIUM to its path).");
    }

    /// <summary>A browser window of its own: nothing is shared with the others, as with another person's computer.</summary>
    internal async Task<IBrowserContext> NewContextAsync(int width, int height)
    {
        var context = await (_browser ?? throw NotStarted()).NewContextAsync(new()
        {
            ViewportSize = new() { Width = width, Height = height },
            Locale = "en-GB",
        });
        context.SetDefaultTimeout(BrowserWindow.Timeout);
        return context;
    }

    public async ValueTask DisposeAsync()
    {
        if (_browser is not null)
            await _browser.CloseAsync();
        _playwright?.Dispose();
        if (_front is not null)
            await _front.DisposeAsync();
    }

    private static InvalidOperationException NotStarted() => new("Call RequireChromium first.");
}
