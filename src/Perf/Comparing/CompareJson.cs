using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vsockspec.Perf.Comparing;

/// <summary><c>compare.json</c> to disk; what reads it is <see cref="Reports.ReportFiles"/>.</summary>
public static class CompareJson
{
    /// <summary>The file's name in the folder of a comparison.</summary>
    public const string File = "compare.json";

    /// <summary>An interval may be without an end: such numbers are written by name.</summary>
    private static readonly JsonSerializerOptions Options = new()
    {
        WriteIndented = true,
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
        Converters = { new JsonStringEnumConverter() },
    };

    /// <summary>Replaces the report in a folder, in one piece.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(CompareReport report, string folder)
    {
        string file = Path.Combine(folder, File);
        string draft = file + ".part";
        System.IO.File.WriteAllBytes(draft, JsonSerializer.SerializeToUtf8Bytes(report, Options));
        System.IO.File.Move(draft, file, overwrite: true);
    }
}
