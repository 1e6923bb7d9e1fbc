using System.Diagnostics;
using System.Net.Sockets;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>An nginx on a loopback port before a front, as it stands on ways that mean WebSockets no good.</summary>
internal sealed class NginxProcess : IAsyncDisposable
{
    private static readonly string?[] s_candidates = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"];

    /// <summary>It passes upgrades on to nobody.</summary>
    public const string Refuses = "";

    /// <summary>It ends a WebSocket on which nothing has come from the front for 300 ms.</summary>
    public const string Cuts = $"{Passes} proxy_read_timeout 300ms;";

    /// <summary>It does as it should.</summary>
    public const string Passes = "proxy_set_header Upgrade websocket; proxy_set_header Connection Upgrade;";

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-nginx").FullName;
    private readonly int _port = Ports.Free();
    private readonly string _front;
    private Process? _process;

    private NginxProcess(string front) => _front = front;

    /// <summary>Where it listens, without a slash at the end.</summary>
    public string Address => $"http://127.0.0.1:{_port}";

    /// <summary>Skips the test where there is none.</summary>
    public static void Require()
    {
        if (!Array.Exists(s_candidates, File.Exists))
            Assert.Skip("No nginx is installed (Debian: apt-get install nginx).");
    }

    public static async Task<NginxProcess> StartAsync(string front, string ofSockets)
    {
        var nginx = new NginxProcess(front);
        await nginx.StartAgainAsync(ofSockets);
        return nginx;
    }

    /// <summary>Ends it, with all that goes through it, and starts it on the same port with another mind about WebSockets.</summary>
    public async Task StartAgainAsync(string ofSockets)
    {
        await StopAsync();
        var config = Path.Combine(_folder, "nginx.conf");
        await File.WriteAllTextAsync(config, $$"""
            daemon off;
            master_process off;
            pid {{_folder}}/pid;
            events { }
            http {
                access_log off;
                client_body_temp_path {{_folder}}/body; proxy_temp_path {{_folder}}/proxy; fastcgi_temp_path {{_folder}}/f; uwsgi_temp_path {{_folder}}/u; scgi_temp_path {{_folder}}/s;
                server {
                    listen 127.0.0.1:{{_port}};
                    proxy_http_version 1.1;
                    location = /ws { proxy_pass {{_front}}; proxy_set_header Host $http_host; {{ofSockets}} }
                    location / { proxy_pass {{_front}}; proxy_set_header Host $http_host; proxy_set_header Connection ""; }
                }
            }
            """);
        _process = Process.Start(new ProcessStartInfo(Array.Find(s_candidates, File.Exists)!, ["-p", _folder, "-c", config, "-e", Path.Combine(_folder, "error.log")]))!;
        using var bound = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            try
            {
                await socket.ConnectAsync("127.0.0.1", _port, bound.Token);
                return;
            }
            catch (SocketException) when (!_process.HasExited)
            {
                await Task.Delay(20, bound.Token);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private async Task StopAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        process.Kill();
        await process.WaitForExitAsync();
        process.Dispose();
    }
}
