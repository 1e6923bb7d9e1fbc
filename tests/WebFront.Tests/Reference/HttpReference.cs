using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Reference;

/// <summary>Writes what <c>openapi.json</c> says as Markdown.</summary>
internal sealed class HttpReference(JsonObject document)
{
    private static readonly string[] s_methods = ["get", "post", "put", "delete"];

    private readonly StringBuilder _text = new();

    // Of each the row: most operations have most of them.
    private readonly Dictionary<string, string> _problems = [];

    public string Write()
    {
        Line($"{document["info"]!["description"]}");
        foreach (var tag in document["tags"]!.AsArray())
        {
            Line($"\n## {tag!["name"]}\n\n{tag["description"]}");
            foreach (var (path, item) in document["paths"]!.AsObject())
            {
                foreach (var method in s_methods.Where(method => item![method]?["tags"]![0]!.GetValue<string>() == tag["name"]!.GetValue<string>()))
                    WriteOperation(path, method.ToUpperInvariant(), item!.AsObject(), item[method]!.AsObject());
            }
        }
        Line("\n## Problems\n\nEach is a [Problem](#problem).\n\n| status | problem | |\n|---|---|---|");
        foreach (var row in _problems.Values.Order(StringComparer.Ordinal))
            Line(row);
        Line("\n## Bodies");
        foreach (var (name, schema) in document["components"]!["schemas"]!.AsObject())
            WriteSchema(name, schema!.AsObject());
        return _text.ToString();
    }

    private void WriteOperation(string path, string method, JsonObject item, JsonObject operation)
    {
        Line($"\n### `{method} {path}`\n\n{operation["summary"]}. {operation["description"]}");
        var scopes = (operation["security"] as JsonArray ?? []).SelectMany(scheme => scheme!.AsObject()).SelectMany(scheme => scheme.Value!.AsArray()).Select(scope => $"`{scope}`").Distinct().ToArray();
        if (scopes.Length > 0)
            Line($"\nScope: {string.Join(" or ", scopes)}.");
        var parameters = (item["parameters"] as JsonArray ?? []).Concat(operation["parameters"] as JsonArray ?? []).Select(Resolve).ToArray();
        if (parameters.Length > 0)
        {
            Line("\n| parameter | in | is | |\n|---|---|---|---|");
            foreach (var parameter in parameters)
                Line($"| `{parameter["name"]}` | {parameter["in"]}{(parameter["required"]?.GetValue<bool>() == true ? ", needed" : "")} | {Type(parameter["schema"])} | {Cell(parameter["description"])} |");
        }
        if (operation["requestBody"] is JsonObject body)
            Line($"\nBody: {Content(body)}. {body["description"]}");
        Line("\n| answer | body | |\n|---|---|---|");
        var (problems, answers) = (new List<string>(), operation["responses"]!.AsObject());
        foreach (var (status, response) in answers.Where(answer => answer.Value!["$ref"] is null))
            Line($"| {status} | {Content(Resolve(response))} | {Cell(Resolve(response)["description"])} |");
        foreach (var (status, response) in answers.Where(answer => answer.Value!["$ref"] is not null))
        {
            var name = NameIn(response!["$ref"]!);
            _problems[name] = $"| {status} | {name} | {Cell(Resolve(response)["description"])} |";
            problems.Add($"{status} {name}");
        }
        if (problems.Count > 0)
            Line($"\nOr a [problem](#problems): {string.Join(", ", problems)}.");
    }

    private void WriteSchema(string name, JsonObject schema)
    {
        Line($"\n### {name}\n\n{schema["description"]}");
        if (schema["properties"] is not JsonObject { Count: > 0 } properties)
            return;
        var needed = (schema["required"] as JsonArray ?? []).Select(field => field!.GetValue<string>()).ToArray();
        Line("\n| field | is | |\n|---|---|---|");
        foreach (var (field, value) in properties)
            Line($"| `{field}`{(needed.Contains(field) ? "" : "?")} | {Type(value)} | {Cell(value!["description"] ?? Resolve(value)["description"])} |");
    }

    private string Content(JsonObject of) =>
        of["content"] is not JsonObject content ? "" : string.Join(", ", content.Select(type => type.Key is "application/json" or "application/problem+json" ? Type(type.Value!["schema"]) : $"`{type.Key}`"));

    /// <summary>What a value is, and its bounds.</summary>
    private string Type(JsonNode? schema)
    {
        if (schema is not JsonObject { Count: > 0 } its)
            return "any JSON";
        if (its["$ref"] is { } reference)
            return $"[{NameIn(reference)}](#{NameIn(reference).ToLowerInvariant()})";
        if (its["oneOf"] is JsonArray either || (either = (its["anyOf"] as JsonArray)!) is not null)
            return string.Join(" or ", either.Select(Type).Distinct());
        if (its["enum"] is JsonArray values)
            return string.Join(", ", values.Select(value => $"`{value}`"));
        if (its["const"] is { } one)
            return $"`{one}`";
        var type = its["type"]?.ToString() switch
        {
            null => "any JSON",
            "array" => $"array of {Type(its["items"])}",
            "integer" => "whole number",
            "string" => "text",
            var other => other,
        };
        var (least, most) = (its["minimum"] ?? its["minLength"] ?? its["minItems"], its["maximum"] ?? its["maxLength"] ?? its["maxItems"]);
        var bounds = (least, most) switch
        {
            (null, null) => "",
            (_, null) => $", from {least}",
            (null, _) => $", up to {most}",
            _ => $", {least} to {most}",
        };
        return type + (its["type"]?.ToString() == "string" && bounds.Length > 0 ? $"{bounds} long" : bounds);
    }

    private JsonObject Resolve(JsonNode? node) =>
        node?["$ref"] is { } reference ? document["components"]![reference.ToString().Split('/')[2]]![NameIn(reference)]!.AsObject() : node!.AsObject();

    private static string NameIn(JsonNode reference) => reference.ToString().Split('/')[^1];

    private static string Cell(JsonNode? text) => text?.ToString().Replace("|", "\\|", StringComparison.Ordinal) ?? "";

    private void Line(string line) => _text.Append(CultureInfo.InvariantCulture, $"{line}\n");
}
