using System.Text.Json;

namespace Realtime.Webhooks;

/// <summary>An application that receives webhooks: one endpoint for them, one page that shows what came.</summary>
internal static class Receiver
{
    private const string Page = """
        <!doctype html><meta charset="utf-8"><title>Webhooks</title>
        <style>body{font:16px system-ui;margin:2rem}pre{white-space:pre-wrap;border-bottom:1px solid #ddd;margin:0;padding:.4rem}</style>
        <h1>What rooms have told</h1><p id="state" role="status">Nothing yet.</p><div id="events"></div>
        <script>
          setInterval(async () => {
            const events = await (await fetch('/events')).json();
            if (!events.length) return;
            document.getElementById('state').textContent = `${events.length} events, the newest first.`;
            document.getElementById('events').replaceChildren(...events.reverse().map(event => Object.assign(document.createElement('pre'), { textContent: JSON.stringify(event) })));
          }, 1000);
        </script>
        """;

    public static WebApplication Build(string address, IEnumerable<string> secrets)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders(); // the server's log is enough
        builder.WebHost.UseUrls(address);
        var app = builder.Build();
        var verifier = new WebhookVerifier(secrets, TimeProvider.System);
        var received = new ReceivedEvents();

        app.MapPost("/webhook", async (HttpRequest request) =>
        {
            using var buffer = new MemoryStream();
            await request.Body.CopyToAsync(buffer); // Kestrel bounds it: 30 MB
            var body = buffer.GetBuffer().AsMemory(0, (int)buffer.Length);
            if (!verifier.IsGenuine(request.Headers[WebhookVerifier.Header], body.Span))
                return Results.Unauthorized();
            // First keep, then answer: what is not answered by 2xx comes again.
            foreach (var item in JsonSerializer.Deserialize<JsonElement[]>(body.Span)!)
                received.Add(item);
            return Results.NoContent();
        });
        app.MapGet("/events", () => received.Newest());
        app.MapGet("/", () => Results.Content(Page, "text/html; charset=utf-8"));
        return app;
    }
}
