using System.Net;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.Webhooks;

/// <summary>Uses the running sample, and tells what the receiver has got.</summary>
internal static class Trial
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(20);

    /// <returns>The exit code: 0, or 1 when something was not as it should be.</returns>
    public static async Task<int> Run(string address)
    {
        try
        {
            using var http = new HttpClient { BaseAddress = new Uri(address), Timeout = s_patience };
            var receiver = new Uri(await http.GetStringAsync("/receiver"));
            var order = Random.Shared.Next(1_000_000);
            string[] states = ["paid", "packed", "shipped"];
            foreach (var state in states)
                (await http.PostAsync($"/orders/{order}/{state}", null)).EnsureSuccessStatusCode();
            var told = await Told(http, receiver, order, states.Length);
            Console.WriteLine($"The receiver has been told, in order: {string.Join(" ", told)}");
            if (!told.SequenceEqual(states.Select(state => $"The order is {state}.")))
                throw new InvalidOperationException("That is not what was said.");

            using var forged = new StringContent("[]", Encoding.UTF8, "application/json");
            forged.Headers.Add(WebhookVerifier.Header, $"t={DateTimeOffset.UtcNow.ToUnixTimeSeconds()},v1={new string('0', 64)}");
            var answer = await http.PostAsync(new Uri(receiver, "/webhook"), forged);
            Console.WriteLine($"A request with a forged signature is answered {(int)answer.StatusCode}.");
            return answer.StatusCode == HttpStatusCode.Unauthorized ? 0 : throw new InvalidOperationException("It must be 401.");
        }
        catch (Exception exception) when (exception is HttpRequestException or TimeoutException or OperationCanceledException or InvalidOperationException)
        {
            await Console.Error.WriteLineAsync($"{address}: {exception.Message}");
            return 1;
        }
    }

    private static async Task<string[]> Told(HttpClient http, Uri receiver, int order, int count)
    {
        using var over = new CancellationTokenSource(s_patience);
        while (true)
        {
            var events = JsonNode.Parse(await http.GetStringAsync(new Uri(receiver, "/events"), over.Token))!.AsArray();
            string[] told = [.. events.Where(item => (string?)item!["room"] == $"orders-{order}").Select(item => (string?)item!["content"] ?? "")];
            if (told.Length >= count)
                return told;
            await Task.Delay(50, over.Token);
        }
    }
}
