using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vsockspec.Perf.Comparing;

/// <summary><c>compare.json</c> to disk; what reads it is <see cref="Reports.ReportFiles"/>.</summary>
public static class CompareJson
{
    /// <summary>The file's name in the folder of a comparison.</summary>
    public const string File = "compare.json";

    /// <summary>As other reports; an interval may be without an end, and such numbers are written by name.</summary>
    private static readonly JsonSerializerOptions Options = new(PerfJson.Options)
    {
        DefaultIgnoreCondition = JsonIgnoreCondition.Never,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    /// <summary>Replaces the report in a folder, in one piece.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static void Write(CompareReport report, string folder) => PerfJson.Replace(Path.Combine(folder, File), report, Options);
}
