using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;
using Realtime.Processes;

namespace Realtime.Bench.Scenarios;

/// <summary>What a stream of server-sent events costs that nothing comes on, by what it goes over; and what the request alone costs.</summary>
internal sealed class StreamsScenario() : Scenario("streams", "Idle streams of server-sent events, all in one room")
{
    private const int AtOnce = 32;
    private const string Password = "bench";

    /// <param name="Name">For the table.</param>
    /// <param name="Version">Of HTTP; HTTP/2 has up to 100 streams on a connection, as Kestrel lets it.</param>
    private sealed record Way(string Name, Version Version, bool IsSecure);

    private static readonly Way[] s_ways =
    [
        new("HTTP/1.1", HttpVersion.Version11, IsSecure: false), new("HTTP/1.1 over TLS", HttpVersion.Version11, IsSecure: true), new("HTTP/2 over TLS", HttpVersion.Version20, IsSecure: true),
    ];

    public override void Run(Options options, Section section)
    {
        var streams = options.IsQuick ? 500 : 2000;
        var certificate = Path.Combine(Path.GetTempPath(), $"realtime-bench-{Guid.NewGuid():N}.pfx");
        File.WriteAllBytes(certificate, NewCertificate());
        try
        {
            var table = section.Table($"{streams:#,0} streams", "over", "Realtime: KB per stream", "an ASP.NET Core endpoint that waits: KB per stream");
            foreach (var way in s_ways)
            {
                var (ours, bare) = (new List<double>(), new List<double>());
                for (var run = 0; run < options.Runs; run++)
                {
                    Console.WriteLine($"  run {run + 1}: {way.Name}");
                    ours.Add(Measure(way, certificate, streams, options, "Server", "/api/rooms/idle/events?user=u{0}", options.Settings));
                    bare.Add(Measure(way, certificate, streams, options, "RawAspNet", "/events?user=u{0}", []));
                }
                table.Row(way.Name, ours.Show(), bare.Show());
            }
        }
        finally
        {
            File.Delete(certificate);
        }
        section.Note("Memory: growth of the resident set, after a warm-up with 100 streams, until some time after all have come at once.");
        section.Note("The other endpoint writes one event and waits for the end of the request: what is in its figure is Kestrel's, SslStream's and, over TLS, OpenSSL's.");
    }

    private static double Measure(Way way, string certificate, int streams, Options options, string project, string path, string[] settings)
    {
        var (port, other) = (Ports.Free(), Ports.Free());
        var server = MeasuredProcess.StartProject(project, port,
        [
            $"--Kestrel:Endpoints:Plain:Url=http://127.0.0.1:{port}", $"--Kestrel:Endpoints:Secure:Url=https://127.0.0.1:{other}",
            $"--Kestrel:Endpoints:Secure:Certificate:Path={certificate}", $"--Kestrel:Endpoints:Secure:Certificate:Password={Password}", .. settings,
        ]);
        using var target = TargetKind.Ready(server, port, Dialect.Realtime, () => server.WaitForPort(other));
        using var http = Client(way, way.IsSecure ? other : port);
        foreach (var response in Open(http, path, -100, 100))
            response.Dispose();
        Thread.Sleep(2000); // they have left
        var before = target.Usage.Resident;
        var open = Open(http, path, 0, streams);
        try
        {
            Thread.Sleep(TimeSpan.FromSeconds(options.IsQuick ? 3 : 20));
            return (target.Usage.Resident - before) / 1024.0 / streams;
        }
        finally
        {
            foreach (var response in open)
                response.Dispose();
        }
    }

    private static HttpClient Client(Way way, int port)
    {
        var handler = new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue, EnableMultipleHttp2Connections = true, PooledConnectionLifetime = Timeout.InfiniteTimeSpan };
        handler.SslOptions.RemoteCertificateValidationCallback = (_, _, _, _) => true; // made here, for this run
        return new HttpClient(handler)
        {
            BaseAddress = new Uri($"{(way.IsSecure ? "https" : "http")}://127.0.0.1:{port}"),
            Timeout = TimeSpan.FromMinutes(1),
            DefaultRequestVersion = way.Version,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
        };
    }

    /// <summary>Opens streams, and waits for the first event of each.</summary>
    private static HttpResponseMessage[] Open(HttpClient http, string path, int first, int count)
    {
        var open = new HttpResponseMessage[count];
        Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, cancellation) =>
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, string.Format(path, first + i)) { Version = http.DefaultRequestVersion, VersionPolicy = http.DefaultVersionPolicy };
            request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("text/event-stream"));
            open[i] = (await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation)).EnsureSuccessStatusCode();
            var stream = await open[i].Content.ReadAsStreamAsync(cancellation);
            var buffer = new byte[4096];
            if (await stream.ReadAsync(buffer, cancellation) == 0)
                throw new InvalidOperationException("A stream ended before its first event.");
            _ = Drain(stream, buffer); // of who comes later
        }).GetAwaiter().GetResult();
        return open;
    }

    private static async Task Drain(Stream stream, byte[] buffer)
    {
        try
        {
            while (await stream.ReadAsync(buffer) > 0)
            {
            }
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException or ObjectDisposedException)
        {
            // It is closed.
        }
    }

    private static byte[] NewCertificate()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        return certificate.Export(X509ContentType.Pfx, Password);
    }
}
