using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A mutant in the published kill matrix.</summary>
/// <param name="Breaks">The requirement that it breaks.</param>
/// <param name="KilledBy">Ids of the cases of that requirement which tell it from the reference, in order; empty: none does.</param>
public sealed record PublishedMutant(string Id, TargetRole Role, string Breaks, IReadOnlyList<string> KilledBy);

/// <summary>
/// The proof that the suite's cases can fail, as it comes with the suite's data: <c>kill-matrix.json</c>, written by <c>vsockspec mutants --publish</c>. Reports and certificates
/// name its digest.
/// </summary>
public sealed class PublishedKillMatrix
{
    /// <summary>Relative to the suites folder.</summary>
    public const string FileName = "kill-matrix.json";

    private const string SchemaId = "urn:vsockspec:kill-matrix:1";
    private const long MaxBytes = 4 << 20;

    private static readonly JsonSerializerOptions Compact = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly SortedDictionary<string, PublishedMutant> _mutants;

    private PublishedKillMatrix(IEnumerable<PublishedMutant> mutants)
    {
        _mutants = new SortedDictionary<string, PublishedMutant>(StringComparer.Ordinal);
        foreach (PublishedMutant mutant in mutants)
        {
            _mutants[mutant.Id] = mutant;
        }
    }

    public static PublishedKillMatrix Empty { get; } = new([]);

    /// <summary>In order of id.</summary>
    public IReadOnlyCollection<PublishedMutant> Mutants => _mutants.Values;

    /// <summary>How many a case catches.</summary>
    public int Killed => Mutants.Count(m => m.KilledBy.Count > 0);

    /// <summary>SHA-256 of the file.</summary>
    public string Digest => Convert.ToHexStringLower(SHA256.HashData(Render()));

    /// <summary>Null when there is no such file.</summary>
    /// <exception cref="DataFileException">It is not a kill matrix, or is too large for one.</exception>
    public static PublishedKillMatrix? Load(string file)
    {
        if (!File.Exists(file))
        {
            return null;
        }

        if (new FileInfo(file).Length > MaxBytes)
        {
            throw new DataFileException($"{file}: is larger than {MaxBytes} bytes; a kill matrix is not");
        }

        try
        {
            JsonNode document = JsonNode.Parse(File.ReadAllBytes(file)) ?? throw new FormatException("it is null");
            return document["schema"]?.GetValue<string>() == SchemaId
                ? new PublishedKillMatrix(document["mutants"]!.AsArray().Select(Parse))
                : throw new FormatException($"its schema is not {SchemaId}");
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or FormatException or NullReferenceException or ArgumentException or IOException or UnauthorizedAccessException)
        {
            throw new DataFileException($"{file}: is no kill matrix: {e.Message}; 'vsockspec mutants --publish' writes one", e);
        }
    }

    public PublishedMutant? Find(string id) => _mutants.GetValueOrDefault(id);

    /// <summary>The same with a mutant judged anew.</summary>
    public PublishedKillMatrix With(PublishedMutant mutant) => new(Mutants.Append(mutant));

    /// <summary>The same without mutants that there are no more.</summary>
    public PublishedKillMatrix Only(IReadOnlySet<string> ids) => new(Mutants.Where(m => ids.Contains(m.Id)));

    /// <summary>The content of the file: one line for each mutant.</summary>
    public byte[] Render()
    {
        StringBuilder text = new($"{{\n \"schema\": \"{SchemaId}\",\n \"mutants\": [\n");
        text.AppendJoin(",\n", Mutants.Select(m => "  " + new JsonObject
        {
            ["id"] = m.Id,
            ["role"] = m.Role.ToString().ToLowerInvariant(),
            ["breaks"] = m.Breaks,
            ["killedBy"] = new JsonArray([.. m.KilledBy.Select(id => JsonValue.Create(id))]),
        }.ToJsonString(Compact)));
        return Encoding.UTF8.GetBytes(text.Append("\n ]\n}\n").ToString());
    }

    private static PublishedMutant Parse(JsonNode? node) => new(
        node!["id"]!.GetValue<string>(),
        Enum.Parse<TargetRole>(node["role"]!.GetValue<string>(), ignoreCase: true),
        node["breaks"]!.GetValue<string>(),
        [.. node["killedBy"]!.AsArray().Select(id => id!.GetValue<string>())]);
}
