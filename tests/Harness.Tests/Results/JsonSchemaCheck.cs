using System.Text.Json;
using System.Text.RegularExpressions;

namespace Vsockspec.Harness.Tests.Results;

/// <summary>Validates JSON against the part of JSON Schema 2020-12 that our schemas use; any other keyword is an error.</summary>
internal sealed class JsonSchemaCheck(JsonElement root)
{
    private static readonly HashSet<string> Annotations = ["$schema", "$id", "$defs", "title", "description"];

    /// <summary>All violations, each with the path of the value.</summary>
    public IReadOnlyList<string> Violations(JsonElement value)
    {
        List<string> violations = [];
        Check(value, root, "$", violations);
        return violations;
    }

    private void Check(JsonElement value, JsonElement schema, string path, List<string> violations)
    {
        foreach (JsonProperty keyword in schema.EnumerateObject())
        {
            JsonElement rule = keyword.Value;
            bool ok = keyword.Name switch
            {
                "$ref" => CheckReference(value, rule, path, violations),
                "type" => IsOfType(value, rule.GetString()!),
                "const" => JsonElement.DeepEquals(value, rule),
                "enum" => rule.EnumerateArray().Any(e => JsonElement.DeepEquals(value, e)),
                "pattern" => value.ValueKind != JsonValueKind.String || Regex.IsMatch(value.GetString()!, rule.GetString()!),
                "minimum" => value.ValueKind != JsonValueKind.Number || value.GetDouble() >= rule.GetDouble(),
                "anyOf" => rule.EnumerateArray().Any(option => IsValid(value, option, path)),
                "required" => value.ValueKind != JsonValueKind.Object || rule.EnumerateArray().All(n => value.TryGetProperty(n.GetString()!, out _)),
                "items" => CheckItems(value, rule, path, violations),
                "properties" => CheckProperties(value, rule, path, violations),
                "propertyNames" => CheckNames(value, rule, path, violations),
                "additionalProperties" => CheckAdditional(value, schema, rule, path, violations),
                _ => Annotations.Contains(keyword.Name) ? true : throw new NotSupportedException($"schema keyword {keyword.Name}"),
            };
            if (!ok)
            {
                violations.Add($"{path}: {keyword.Name} {rule.GetRawText()} is broken by {value.GetRawText()}");
            }
        }
    }

    private bool CheckReference(JsonElement value, JsonElement reference, string path, List<string> violations)
    {
        JsonElement target = root;
        foreach (string step in reference.GetString()!.Split('/').Skip(1))
        {
            target = target.GetProperty(step);
        }

        Check(value, target, path, violations);
        return true;
    }

    private bool IsValid(JsonElement value, JsonElement schema, string path)
    {
        List<string> violations = [];
        Check(value, schema, path, violations);
        return violations.Count == 0;
    }

    private bool CheckItems(JsonElement value, JsonElement rule, string path, List<string> violations)
    {
        if (value.ValueKind == JsonValueKind.Array)
        {
            int index = 0;
            foreach (JsonElement item in value.EnumerateArray())
            {
                Check(item, rule, $"{path}[{index++}]", violations);
            }
        }

        return true;
    }

    private bool CheckProperties(JsonElement value, JsonElement rule, string path, List<string> violations)
    {
        foreach (JsonProperty property in PropertiesOf(value))
        {
            if (rule.TryGetProperty(property.Name, out JsonElement schema))
            {
                Check(property.Value, schema, $"{path}.{property.Name}", violations);
            }
        }

        return true;
    }

    private bool CheckNames(JsonElement value, JsonElement rule, string path, List<string> violations)
    {
        foreach (JsonProperty property in PropertiesOf(value))
        {
            using JsonDocument name = JsonDocument.Parse(JsonSerializer.Serialize(property.Name));
            Check(name.RootElement, rule, $"{path}.{property.Name}", violations);
        }

        return true;
    }

    private bool CheckAdditional(JsonElement value, JsonElement schema, JsonElement rule, string path, List<string> violations)
    {
        foreach (JsonProperty property in PropertiesOf(value))
        {
            bool known = schema.TryGetProperty("properties", out JsonElement properties) && properties.TryGetProperty(property.Name, out _);
            if (known)
            {
                continue;
            }

            if (rule.ValueKind == JsonValueKind.False)
            {
                violations.Add($"{path}: has the unknown property {property.Name}");
            }
            else
            {
                Check(property.Value, rule, $"{path}.{property.Name}", violations);
            }
        }

        return true;
    }

    private static JsonElement.ObjectEnumerator PropertiesOf(JsonElement value) => value.ValueKind == JsonValueKind.Object ? value.EnumerateObject() : default;

    private static bool IsOfType(JsonElement value, string type) => type switch
    {
        "object" => value.ValueKind == JsonValueKind.Object,
        "array" => value.ValueKind == JsonValueKind.Array,
        "null" => value.ValueKind == JsonValueKind.Null,
        "string" => value.ValueKind == JsonValueKind.String,
        "number" => value.ValueKind == JsonValueKind.Number,
        "boolean" => value.ValueKind is JsonValueKind.True or JsonValueKind.False,
        "integer" => value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out _),
        _ => throw new NotSupportedException($"schema type {type}"),
    };
}
