using System.Text.Json.Nodes;

namespace Vsockspec.Perf.Tests.Reports;

/// <summary>A document with one of its values changed, for every value.</summary>
internal sealed class JsonChanges(string content)
{
    private static readonly Func<JsonNode?>[] Others = [() => null, () => JsonValue.Create("text"), () => JsonValue.Create(-7), () => new JsonArray(), () => new JsonArray(null, null), () => new JsonObject()];

    public IEnumerable<string> All()
    {
        foreach (int place in Enumerable.Range(0, Places(JsonNode.Parse(content)!).Count))
        {
            foreach (Func<JsonNode?> other in Others)
            {
                JsonNode root = JsonNode.Parse(content)!;
                Places(root)[place](other());
                yield return root.ToJsonString();
            }
        }
    }

    private static List<Action<JsonNode?>> Places(JsonNode node)
    {
        List<Action<JsonNode?>> places = [];
        switch (node)
        {
            case JsonObject map:
                foreach ((string name, JsonNode? value) in map.ToList())
                {
                    places.Add(other => map[name] = other);
                    places.AddRange(value is null ? [] : Places(value));
                }

                break;
            case JsonArray { Count: > 0 } list:
                places.Add(other => list[0] = other);
                places.AddRange(list[0] is { } first ? Places(first) : []);
                break;
        }

        return places;
    }
}
