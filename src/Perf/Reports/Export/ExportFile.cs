namespace Vsockspec.Perf.Reports.Export;

/// <summary>The figures of a page in a form for other programs.</summary>
internal sealed record ExportFile(string Name, string MediaType, byte[] Content)
{
    public const string MetricsName = "metrics.txt";
    public const string JsonName = "data.json";

    /// <summary>The smallest first.</summary>
    internal static IReadOnlyList<ExportFile> All(ReportInput input)
    {
        List<ExportFile> files = [.. Csv.Files(input)];
        files.Add(new ExportFile(JsonName, "application/json", JsonExport.Of(input)));
        files.Add(new ExportFile(MetricsName, "application/openmetrics-text;version=1.0.0;charset=utf-8", OpenMetrics.Of(input)));
        return files;
    }
}
