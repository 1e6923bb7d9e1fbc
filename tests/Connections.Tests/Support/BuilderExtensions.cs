using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Realtime.Connections.Tests.Support;

public static class BuilderExtensions
{
    public static void AddHandler<THandler>(this WebApplicationBuilder builder, THandler handler)
        where THandler : ConnectionHandler => builder.Services.AddSingleton(handler);

    public static void UseTime(this WebApplicationBuilder builder, TimeProvider time) => builder.Services.AddSingleton(time);
}
