using HdrHistogram;

namespace Vsockspec.Perf.Latency;

/// <summary>The raw histogram of a latency curve, kept beside the report.</summary>
public static class HistogramFile
{
    private const string Folder = "histograms";
    private const int LinesPerHalving = 5;
    private const double NanosecondsPerMicrosecond = 1000;

    /// <summary>Writes the percentile table that HdrHistogram's plotters read, in µs, as <c>histograms/NAME.hgrm</c>; returns that path.</summary>
    /// <param name="folder">Of the report.</param>
    /// <param name="name">Of the curve; a slash becomes a dash.</param>
    /// <param name="nanoseconds">What was recorded.</param>
    public static string Write(string folder, string name, LongHistogram nanoseconds)
    {
        string relative = $"{Folder}/{name.Replace('/', '-')}.hgrm";
        Directory.CreateDirectory(Path.Combine(folder, Folder));
        using StreamWriter writer = new(Path.Combine(folder, relative));
        nanoseconds.OutputPercentileDistribution(writer, LinesPerHalving, NanosecondsPerMicrosecond);
        return relative;
    }
}
