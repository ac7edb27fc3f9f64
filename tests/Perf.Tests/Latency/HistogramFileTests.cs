using System.Globalization;
using HdrHistogram;
using NUnit.Framework;
using Vsockspec.Perf.Latency;
using Vsockspec.Perf.Measuring;

namespace Vsockspec.Perf.Tests.Latency;

[TestFixture]
public sealed class HistogramFileTests
{
    [Test]
    public void Write_KeepsTheDistributionInMicroseconds()
    {
        LongHistogram histogram = LatencyRecord.NewHistogram();
        for (int i = 1; i <= 10_000; i++)
        {
            LatencyRecord.Record(histogram, i * 1000);
        }

        string folder = Directory.CreateTempSubdirectory("vs-hgrm-").FullName;
        try
        {
            string relative = HistogramFile.Write(folder, "stream/open-loop/64/load-50", histogram);
            string[] lines = File.ReadAllLines(Path.Combine(folder, relative));
            Assert.That(relative, Is.EqualTo("histograms/stream-open-loop-64-load-50.hgrm"));
            Assert.That(lines[0], Does.Contain("Percentile").And.Contain("TotalCount"));
            string[] median = lines.First(l => l.Contains(" 0.5000", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.That(double.Parse(median[0], CultureInfo.InvariantCulture), Is.EqualTo(5000).Within(1).Percent);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
