using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;

namespace Realtime.Silo;

/// <summary>Puts the grains into a silo.</summary>
public static class SiloExtensions
{
    /// <summary>
    /// Adds what rooms and users need: their options (section <c>Rooms</c>), and the streams to the fronts.
    /// </summary>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static ISiloBuilder AddRealtime(this ISiloBuilder silo, Action<RoomOptions>? configure = null)
    {
        silo.Services.AddOptions<RoomOptions>()
            .BindConfiguration("Rooms")
            .Configure(options => configure?.Invoke(options))
            .ValidateOnStart();
        silo.Services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<RoomOptions>, RoomOptionsValidator>());
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.TryAddSingleton<FrontPublisher>();
        silo.AddMemoryStreams(FrontStreams.Provider);
        silo.AddMemoryGrainStorage("PubSubStore"); // where memory streams keep who listens
        return silo;
    }

    private sealed class RoomOptionsValidator : IValidateOptions<RoomOptions>
    {
        public ValidateOptionsResult Validate(string? name, RoomOptions options)
        {
            string[] problems = [.. options.Problems()];
            return problems.Length == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(problems);
        }
    }
}
