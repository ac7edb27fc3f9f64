using System.Globalization;
using System.Text;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;
using YamlDotNet.RepresentationModel;

namespace Vsockspec.Targets;

/// <summary>A data file (manifest, register, profile) is not as its reader needs it. The message names file, line, field and remedy.</summary>
public sealed class DataFileException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// One mapping of a YAML data file, read strictly: every value has the type its reader asks for, and fields that no reader knows are
/// errors. Files are untrusted: size and nesting are bounded, aliases are refused.
/// </summary>
public sealed class YamlMap
{
    private const long MaxBytes = 1 << 20;
    private const int MaxDepth = 16;

    private readonly YamlMappingNode _node;
    private readonly string _path;

    private YamlMap(string file, YamlMappingNode node, string path)
    {
        File = file;
        _node = node;
        _path = path;
    }

    public string File { get; }

    /// <summary>Of its first field, from 1.</summary>
    public int Line => (int)_node.Start.Line;

    /// <summary>The file's top-level mapping.</summary>
    /// <exception cref="DataFileException">The file cannot be read, is not YAML, or is not one mapping.</exception>
    public static YamlMap Load(string file) => Parse(file, ReadText(file));

    /// <param name="file">Name used in messages.</param>
    public static YamlMap Parse(string file, string text)
    {
        try
        {
            RefuseAliasesAndDepth(file, text);
            YamlStream stream = [];
            stream.Load(new StringReader(text));
            if (stream.Documents.Count != 1)
            {
                throw new DataFileException($"{file}: expected one YAML document, found {stream.Documents.Count}");
            }

            return stream.Documents[0].RootNode is YamlMappingNode root
                ? new YamlMap(file, root, "")
                : throw new DataFileException($"{file}:1: expected fields 'name: value' at the top level");
        }
        catch (YamlException e)
        {
            throw new DataFileException($"{file}:{e.Start.Line}: not valid YAML: {e.Message}", e);
        }
    }

    /// <exception cref="DataFileException">A field is there that is not in <paramref name="known"/>.</exception>
    public void AllowOnly(params ReadOnlySpan<string> known)
    {
        foreach (YamlNode key in _node.Children.Keys)
        {
            string name = key is YamlScalarNode { Value: { } value }
                ? value
                : throw new DataFileException($"{File}:{key.Start.Line}: a field name must be a plain word");
            if (!known.Contains(name))
            {
                string[] candidates = known.ToArray();
                throw new DataFileException(
                    $"{File}:{key.Start.Line}: unknown field '{_path}{name}'{Suggestion.For(name, candidates)}; known are: {string.Join(", ", candidates)}");
            }
        }
    }

    public bool Has(string field) => Find(field) is not null;

    /// <exception cref="DataFileException">Missing, empty or not text.</exception>
    public string Text(string field) => OptionalText(field) ?? throw Missing(field, "a text");

    public string? OptionalText(string field) => Find(field) switch
    {
        null => null,
        YamlScalarNode { Value: { Length: > 0 } value } => value,
        YamlScalarNode => throw Error(field, "is empty; give a text or leave the field out"),
        _ => throw Error(field, "must be a text"),
    };

    public bool? OptionalFlag(string field) => OptionalText(field) switch
    {
        null => null,
        "true" => true,
        "false" => false,
        string other => throw Error(field, $"is '{other}'; write true or false"),
    };

    /// <summary>A whole number within bounds, both included.</summary>
    public long? OptionalNumber(string field, long min, long max)
    {
        if (OptionalText(field) is not { } text)
        {
            return null;
        }

        return long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= min && value <= max
            ? value
            : throw Error(field, $"is '{text}'; write a whole number from {min} to {max}");
    }

    /// <summary>A list of texts; null when the field is not there.</summary>
    public IReadOnlyList<string>? OptionalTexts(string field)
    {
        if (Find(field) is not { } node)
        {
            return null;
        }

        if (node is not YamlSequenceNode list)
        {
            throw Error(field, "must be a list: [a, b]");
        }

        List<string> texts = [];
        foreach (YamlNode item in list)
        {
            texts.Add(item is YamlScalarNode { Value: { } value }
                ? value
                : throw new DataFileException($"{File}:{item.Start.Line}: field '{_path}{field}': every element must be a text"));
        }

        return texts;
    }

    /// <summary>Text by text: <c>env: {NAME: value}</c>.</summary>
    public IReadOnlyDictionary<string, string> TextByName(string field)
    {
        Dictionary<string, string> result = new(StringComparer.Ordinal);
        if (OptionalMap(field) is { } map)
        {
            foreach (YamlNode key in map._node.Children.Keys)
            {
                string name = key is YamlScalarNode { Value: { Length: > 0 } value }
                    ? value
                    : throw new DataFileException($"{File}:{key.Start.Line}: field '{_path}{field}': a name must be a plain word");
                result[name] = map.Find(name) is YamlScalarNode { Value: { } text } ? text : throw map.Error(name, "must be a text");
            }
        }

        return result;
    }

    public YamlMap? OptionalMap(string field) => Find(field) switch
    {
        null => null,
        YamlMappingNode map => new YamlMap(File, map, $"{_path}{field}."),
        _ => throw Error(field, "must have fields of its own"),
    };

    /// <exception cref="DataFileException">Missing or not a list of mappings.</exception>
    public IReadOnlyList<YamlMap> Maps(string field)
    {
        if (Find(field) is not YamlSequenceNode list)
        {
            throw Find(field) is null ? Missing(field, "a list") : Error(field, "must be a list");
        }

        List<YamlMap> maps = [];
        foreach (YamlNode item in list)
        {
            maps.Add(item is YamlMappingNode map
                ? new YamlMap(File, map, $"{_path}{field}[{maps.Count}].")
                : throw new DataFileException($"{File}:{item.Start.Line}: field '{_path}{field}': every element must have fields of its own"));
        }

        return maps;
    }

    /// <summary>An error about a field that is there (or, if it is not, about the mapping that lacks it).</summary>
    public DataFileException Error(string field, string what) =>
        new($"{File}:{(Find(field) ?? _node).Start.Line}: field '{_path}{field}' {what}");

    private DataFileException Missing(string field, string what) =>
        new($"{File}:{_node.Start.Line}: field '{_path}{field}' is missing; give {what}");

    private YamlNode? Find(string field) => _node.Children.TryGetValue(new YamlScalarNode(field), out YamlNode? value) ? value : null;

    private static string ReadText(string file)
    {
        try
        {
            using FileStream stream = System.IO.File.OpenRead(file);
            if (stream.Length > MaxBytes)
            {
                throw new DataFileException($"{file}: is {stream.Length} bytes; a data file has at most {MaxBytes}");
            }

            using StreamReader reader = new(stream, new UTF8Encoding(false, throwOnInvalidBytes: true));
            return reader.ReadToEnd();
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new DataFileException($"{file}: no such file", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new DataFileException($"{file}: cannot be read: {e.Message}", e);
        }
        catch (DecoderFallbackException e)
        {
            throw new DataFileException($"{file}: is not UTF-8 text", e);
        }
    }

    /// <summary>Walks the events before the tree is built, because the tree builder recurses and expands aliases.</summary>
    private static void RefuseAliasesAndDepth(string file, string text)
    {
        Parser parser = new(new StringReader(text));
        int depth = 0;
        while (parser.MoveNext())
        {
            ParsingEvent current = parser.Current!;
            depth += current.NestingIncrease;
            if (depth > MaxDepth)
            {
                throw new DataFileException($"{file}:{current.Start.Line}: nested deeper than {MaxDepth} levels");
            }

            if (current is AnchorAlias)
            {
                throw new DataFileException($"{file}:{current.Start.Line}: aliases (*name) are not supported; write the value out");
            }
        }
    }
}
