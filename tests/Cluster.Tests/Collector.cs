using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Realtime.Cluster.Tests;

/// <summary>A span, as it was sent.</summary>
internal sealed record Span(string Service, string Trace, string Id, string Parent, string Name);

/// <summary>Takes what is sent by OTLP over HTTP, as protobuf.</summary>
internal sealed class Collector : IAsyncDisposable
{
    private readonly ConcurrentQueue<(string Signal, byte[] Body)> _received = new();
    private readonly WebApplication _app;

    private Collector()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _app = builder.Build();
        _app.MapPost("/v1/{signal}", async (string signal, HttpRequest request) =>
        {
            using var body = new MemoryStream();
            await request.Body.CopyToAsync(body);
            _received.Enqueue((signal, body.ToArray()));
        });
    }

    public string Address => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.Single();

    /// <summary>All spans that have come.</summary>
    public IEnumerable<Span> All => _received.Where(one => one.Signal == "traces").SelectMany(one => SpansOf(one.Body)).ToArray();

    public static async Task<Collector> Start()
    {
        var collector = new Collector();
        await collector._app.StartAsync();
        return collector;
    }

    /// <summary>What has come of a signal that has a text in it. Texts stand in the bytes as they are.</summary>
    public Task<string> Next(string signal, string text) => TelemetryTests.Until(
        () => Task.FromResult(_received.Where(one => one.Signal == signal).Select(one => Encoding.UTF8.GetString(one.Body)).FirstOrDefault(body => body.Contains(text, StringComparison.Ordinal)) ?? ""),
        body => body.Length > 0);

    /// <summary>The spans of a trace, by name, when those of these names have come.</summary>
    public async Task<Dictionary<string, Span>> Spans(string trace, params string[] names)
    {
        Dictionary<string, Span> found = [];
        try
        {
            await TelemetryTests.Until(() =>
            {
                found = All.Where(span => span.Trace == trace).GroupBy(span => span.Name).ToDictionary(same => same.Key, same => same.First());
                return Task.FromResult("");
            }, _ => names.All(found.ContainsKey));
            return found;
        }
        catch (OperationCanceledException canceled)
        {
            throw new TimeoutException($"Of the trace these spans have come: {string.Join(", ", found.Keys)}.", canceled);
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    // opentelemetry/proto/trace/v1/trace.proto
    private static IEnumerable<Span> SpansOf(byte[] request) =>
        from resource in Fields(request, 1)
        let service = Fields(Fields(resource, 1).First(), 1).Where(attribute => Text(Fields(attribute, 1).First()) == "service.name").Select(attribute => Text(Fields(Fields(attribute, 2).First(), 1).First())).First()
        from scope in Fields(resource, 2)
        from span in Fields(scope, 2)
        select new Span(service, Hex(span, 1), Hex(span, 2), Hex(span, 4), Text(Fields(span, 5).First()));

    private static string Hex(byte[] message, int field) => Convert.ToHexStringLower(Fields(message, field).FirstOrDefault() ?? []);

    private static string Text(byte[] bytes) => Encoding.UTF8.GetString(bytes);

    /// <summary>The values of a field that have a length.</summary>
    private static List<byte[]> Fields(byte[] message, int field)
    {
        var found = new List<byte[]>();
        var at = 0;
        while (at < message.Length)
        {
            var tag = Number();
            switch (tag & 7)
            {
                case 0:
                    Number();
                    break;
                case 1:
                    at += 8;
                    break;
                case 5:
                    at += 4;
                    break;
                default:
                    var length = (int)Number();
                    if ((int)(tag >> 3) == field)
                        found.Add(message[at..(at + length)]);
                    at += length;
                    break;
            }
        }
        return found;

        ulong Number()
        {
            var (value, shift) = (0UL, 0);
            while (true)
            {
                var part = message[at++];
                value |= (ulong)(part & 127) << shift;
                if (part < 128)
                    return value;
                shift += 7;
            }
        }
    }
}
