using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Connections.Security;
using Orleans.Hosting;

namespace Realtime.Silo.Hosting;

/// <summary>Silos and fronts talk by TLS and show each other certificates, when <see cref="TlsSettings"/> name some.</summary>
internal static class ClusterTls
{
    // Before what joins the cluster, which may take long.
    private static readonly ServiceDescriptor s_warning = ServiceDescriptor.Singleton<IHostedService, TlsWarning>();

    public static void UseTls(this ISiloBuilder silo, TlsSettings settings)
    {
        if (settings.IsUsed)
            silo.UseTls(options => Configure(options, settings));
        else
            silo.Services.Insert(0, s_warning);
    }

    public static void UseTls(this IClientBuilder client, TlsSettings settings)
    {
        if (settings.IsUsed)
            client.UseTls(options => Configure(options, settings));
        else
            client.Services.Insert(0, s_warning);
    }

    private static void Configure(TlsOptions options, TlsSettings settings)
    {
        var certificates = new ClusterCertificates(settings, TimeProvider.System);
        options.LocalCertificate = certificates.Own;
        options.LocalServerCertificateSelector = (_, _) => certificates.Own;
        options.LocalClientCertificateSelector = (_, _, _, _, _) => certificates.Own;
        (options.RemoteCertificateMode, options.ClientCertificateMode) = (RemoteCertificateMode.RequireCertificate, RemoteCertificateMode.RequireCertificate);
        // By who issued it and not by its name: processes come and go at addresses that no certificate can name.
        options.RemoteCertificateValidation = (certificate, chain, _) => certificates.IsTrusted(certificate, chain);
        options.OnAuthenticateAsClient = (_, client) => client.TargetHost = "realtime";
    }
}

/// <summary>Says at the start that connections between processes are open to who reaches them.</summary>
internal sealed partial class TlsWarning(IHostEnvironment environment, ILogger<TlsWarning> logger) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        if (!environment.IsDevelopment())
            LogOpen();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    [LoggerMessage(1, LogLevel.Warning,
        "Silos and fronts talk without TLS, and whoever reaches their ports is let in. Set Cluster:Tls, or keep them in a network of their own.")]
    private partial void LogOpen();
}
