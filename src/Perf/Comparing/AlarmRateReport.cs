using System.Globalization;
using System.Text;
using System.Text.Json;
using Vsockspec.Perf.Fitness;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;

namespace Vsockspec.Perf.Comparing;

/// <summary><c>alarm-rate.json</c>: a comparison of a build with itself, and how often such a one accuses.</summary>
/// <param name="Verdict">Of the comparison as it was measured. Slower is a false alarm.</param>
/// <param name="Accused">Figures that were called slower.</param>
/// <param name="Rates">Null when the machine was unfit.</param>
/// <param name="SoFar">How many of the nights that are known, this one among them, had a false alarm; only nights on fit machines count.</param>
public sealed record AlarmRateReport(
    string Schema,
    ComparedTarget Target,
    string Plan,
    DateTimeOffset StartedAt,
    IReadOnlyDictionary<string, string> Environment,
    Conditions Conditions,
    CompareOptions Options,
    PerfVerdict Verdict,
    IReadOnlyList<string> Accused,
    AlarmRates? Rates,
    Rate SoFar)
{
    public const string CurrentSchema = "vsockspec-alarm-rate/1";

    /// <summary>The file's name in the folder of a night.</summary>
    public const string File = "alarm-rate.json";

    private const int MostNights = 10_000;
    private const long LargestReport = 4 << 20;

    /// <summary>What earlier nights say: those measured on a fit machine, and how many of them had a false alarm. Each is a folder with its report; what is no report is left out.</summary>
    /// <param name="folder">None where it is not there.</param>
    public static Rate Nights(string folder)
    {
        bool[] alarms = [.. ReadNights(folder).Where(night => night.Conditions.AreFit).Select(night => night.Accused.Count > 0)];
        return new Rate(alarms.Count(a => a), alarms.Length);
    }

    /// <summary>The reports in the folders of a folder, one at a time, in the order of their names; what is no report is left out.</summary>
    /// <param name="folder">None where it is not there.</param>
    internal static IEnumerable<AlarmRateReport> ReadNights(string folder) => !Directory.Exists(folder)
        ? []
        : Directory.EnumerateDirectories(folder)
            .Where(night => Path.GetFileName(night)[0] != '.')
            .Order(StringComparer.Ordinal)
            .Take(MostNights)
            .Select(Read)
            .OfType<AlarmRateReport>();

    /// <summary>The report in a folder; null: there is none, or what is there is none.</summary>
    internal static AlarmRateReport? Read(string folder)
    {
        try
        {
            FileInfo info = new(Path.Combine(folder, File));
            AlarmRateReport? report = info.Exists && info.Length <= LargestReport ? JsonSerializer.Deserialize<AlarmRateReport>(System.IO.File.ReadAllBytes(info.FullName), PerfJson.Options) : null;
            return report is { Schema: CurrentSchema } && IsWhole(report) ? report : null;
        }
        catch (Exception e) when (e is JsonException or NotSupportedException or IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>For people, with what each number claims.</summary>
    public string ToMarkdown()
    {
        CultureInfo c = CultureInfo.InvariantCulture;
        StringBuilder text = new();
        text.AppendLine(c, $"## False alarms: {Target.Name} against itself").AppendLine();
        if (Rates is not { } rates)
        {
            return text.AppendLine(c, $"Not measured, the machine was unfit: {FitnessWatch.WhyUnfit(Conditions)}.").ToString();
        }

        text.AppendLine(c, $"Plan {Plan}, {rates.RunsEach} runs, the target twice in turn in each (A B B A), tolerance {Options.Tolerance * 100:0.##} %, error rate {Options.ErrorRate * 100:0.##} %.").AppendLine();
        text.AppendLine("| | accused | of | says |").AppendLine("|---|---:|---:|---|");
        text.AppendLine(c, $"| this night | {(Accused.Count > 0 ? 1 : 0)} | 1 | {(Accused.Count > 0 ? $"false alarm: {string.Join(", ", Accused)}" : $"{Verdict}")} |");
        text.AppendLine(c, $"| nights so far | {SoFar.Count} | {SoFar.Times} | the true rate is {Interval(SoFar)}: nights are independent of each other |");
        text.AppendLine(c, $"| these runs, labelled anew | {rates.Relabelled.Count} | {rates.Relabelled.Times} | {rates.Relabelled.Part * 100:0.00} %, of these minutes only: the labellings share their runs |");
        text.AppendLine(c, $"| simulated with the spread seen | {rates.Simulated.Count} | {rates.Simulated.Times} | {Interval(rates.Simulated)}, if runs scatter around one value and figures do not depend on each other; {rates.SimulatedOpen.Part * 100:0} % end inconclusive |").AppendLine();
        text.AppendLine("| figure | spread from run to run | accused when labelled anew |").AppendLine("|---|---:|---:|");
        foreach (FigureNoise figure in rates.Figures)
        {
            text.AppendLine(c, $"| {figure.Figure} | {figure.Spread * 100:0.0} % | {figure.Relabelled.Count} |");
        }

        return text.ToString();
    }

    /// <summary>The serializer leaves out what is missing; nothing that a reader relies on may be.</summary>
    private static bool IsWhole(AlarmRateReport report) =>
        report is { Target.Name: not null, Plan: not null, Conditions.Checks: not null, Options: not null, Accused: not null }
        && report.Conditions.Checks.All(c => c is { Name: not null, Observed: not null })
        && report.Accused.All(figure => figure is not null)
        && (report.Rates is not { } rates || rates is { Relabelled: not null, Simulated: not null, SimulatedOpen: not null });

    private static string Interval(Rate rate) => string.Create(CultureInfo.InvariantCulture, $"{rate.Lower * 100:0.00} to {rate.Upper * 100:0.00} % (95 %)");
}
