using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Embedded;
using Orleans.Runtime;

namespace Orleans.TestingHost;

/// <summary>A silo of a test cluster.</summary>
public abstract class SiloHandle : IAsyncDisposable
{
    public string Name { get; set; } = "";

    public short InstanceNumber { get; set; }

    public SiloAddress SiloAddress { get; set; } = SiloAddress.Zero;

    public SiloAddress GatewayAddress { get; set; } = SiloAddress.Zero;

    public abstract bool IsActive { get; }

    public abstract Task StopSiloAsync(bool stopGracefully);

    public abstract Task StopSiloAsync(CancellationToken ct);

    public abstract ValueTask DisposeAsync();

    public override string ToString() => SiloAddress.ToString();
}

/// <summary>A silo of a test cluster, in this process.</summary>
public class InProcessSiloHandle : SiloHandle
{
    private bool _isActive = true;

    public IHost SiloHost { get; init; } = null!;

    public IServiceProvider ServiceProvider => SiloHost.Services;

    public override bool IsActive => _isActive;

    public override Task StopSiloAsync(bool stopGracefully)
    {
        // As with a process that is killed, what stops with the host finds its silo gone.
        if (!stopGracefully)
            SiloHost.Services.GetRequiredService<Embedded.Silo>().Kill();
        return StopSiloAsync(new CancellationToken(!stopGracefully));
    }

    public override async Task StopSiloAsync(CancellationToken ct)
    {
        if (!_isActive)
            return;
        _isActive = false;
        await SiloHost.StopAsync(ct).ConfigureAwait(false);
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isActive)
            await StopSiloAsync(true).ConfigureAwait(false);
        await ((IAsyncDisposable)SiloHost).DisposeAsync().ConfigureAwait(false);
    }
}
