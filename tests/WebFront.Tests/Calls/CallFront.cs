using System.Diagnostics.Metrics;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace Realtime.WebFront.Tests.Calls;

/// <summary>A front with methods of an application.</summary>
internal static class CallFront
{
    public static Task<Front> Start(Cluster cluster, Action<WebApplication> map, params (string Key, string Value)[] settings) =>
        Start(cluster, map, _ => { }, settings);

    public static Task<Front> Start(Cluster cluster, Action<WebApplication> map, Action<WebApplicationBuilder> build, params (string Key, string Value)[] settings) =>
        Front.Start(cluster.Client, null, settings, map: app =>
        {
            app.MapRealtime();
            map(app);
        }, build: build);

    public static Task<JsonObject> Call(this TestClient client, string method, string? data = null, Action<JsonObject>? other = null)
    {
        var frame = new JsonObject { ["type"] = "call", ["method"] = method };
        if (data is not null)
            frame["data"] = JsonNode.Parse(data);
        return client.Ask(frame, other);
    }

    /// <summary>The result as JSON text; empty when it has no data.</summary>
    public static async Task<string> Result(this TestClient client, string method, string? data = null)
    {
        var answer = await client.Call(method, data);
        Assert.Equal("result", (string?)answer["type"]);
        return answer.TryGetPropertyValue("data", out var result) ? result?.ToJsonString() ?? "null" : "";
    }

    /// <summary>The code of an error.</summary>
    public static async Task<string> Code(this TestClient client, string method, string? data = null) =>
        (string)(await client.Call(method, data))["code"]!;

    public static async Task Answer(this TestClient client, JsonObject call, string? data)
    {
        var answer = new JsonObject { ["type"] = "result", ["id"] = (string)call["id"]! };
        if (data is not null)
            answer["data"] = JsonNode.Parse(data);
        await client.Send(answer.ToJsonString());
    }

    public static Task Fail(this TestClient client, JsonObject call, string code, string? words = null) =>
        client.Send(new JsonObject { ["type"] = "error", ["id"] = (string)call["id"]!, ["code"] = code, ["content"] = words ?? "no" }.ToJsonString());

    /// <summary>Counts the front's calls as its metric does, by direction and outcome.</summary>
    public static (MeterListener Listener, Dictionary<string, long> Calls) Count(Front front)
    {
        var calls = new Dictionary<string, long>();
        var meters = front.Services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "realtime.front.calls" && ReferenceEquals(instrument.Meter.Scope, meters))
                    listener.EnableMeasurementEvents(instrument);
            },
        };
        listener.SetMeasurementEventCallback<long>((_, value, tags, _) =>
        {
            var key = $"{tags[0].Value} {tags[1].Value}";
            lock (calls)
                calls[key] = calls.GetValueOrDefault(key) + value;
        });
        listener.Start();
        return (listener, calls);
    }
}
