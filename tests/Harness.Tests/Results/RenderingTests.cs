using System.Text;
using System.Xml.Linq;
using NUnit.Framework;
using Vsockspec.Results;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

public sealed class RenderingTests
{
    [Test]
    public void Document_SampleRun_IsAsApproved() => Snapshot.Match(Encoding.UTF8.GetString(BundleJson.Document(Sample.Report())), "results.json");

    [Test]
    public void JUnit_SampleRun_IsAsApproved() => Snapshot.Match(Encoding.UTF8.GetString(JUnit.Render(Sample.Report())), "junit.xml");

    [Test]
    public void Summary_SampleRun_IsAsApproved() => Snapshot.Match(Encoding.UTF8.GetString(MarkdownSummary.Render(Sample.Report())), "summary.md");

    [Test]
    public void Ctrf_SampleRun_IsAsApproved() => Snapshot.Match(Encoding.UTF8.GetString(Ctrf.Render(Sample.Report())), "ctrf.json");

    [Test]
    public void Sarif_SmallRun_IsAsApproved()
    {
        using SmallBundle bundle = new();
        Snapshot.Match(Encoding.UTF8.GetString(Sarif.Render(bundle.Report, bundle.Register)), "results.sarif");
    }

    [Test]
    public void Sarif_LinesOfResults_AreThoseOfTheCases()
    {
        using SmallBundle bundle = new();
        string[] lines = Encoding.UTF8.GetString(BundleJson.Document(bundle.Report)).Split('\n');
        foreach (SarifFinding finding in SarifFinding.Of(bundle.Report))
        {
            Assert.That(lines[finding.Line - 1], Does.Contain($"\"fullName\": \"{finding.Case}\""));
        }
    }

    /// <summary>Bundles of earlier versions of the suite lack fields that there are now.</summary>
    [Test]
    public void Documents_OfEveryPublishedBundle_AreRendered()
    {
        string[] folders = [.. Directory.GetFiles(Repository.PathOf("reports"), Bundle.ResultsFile, SearchOption.AllDirectories).Select(f => Path.GetDirectoryName(f)!)];
        Assert.That(folders, Has.Length.GreaterThanOrEqualTo(5));
        foreach (string folder in folders)
        {
            RunReport report = Bundle.Open(folder, Sample.Register);
            Assert.That(Bundle.Documents(folder, report, Sample.Register).Select(d => d.Content.Length), Has.All.GreaterThan(0), folder);
        }
    }

    [Test]
    public void JUnit_TextsOfTargets_CannotBreakTheXml()
    {
        RunReport report = Sample.Report();
        report = report with { Cases = [Sample.Failed with { Observed = "\u0000\ud800 ]]> & <b>", Log = "\u001b[31m\uffff" }] };

        XDocument xml = XDocument.Load(new MemoryStream(JUnit.Render(report)));

        Assert.That(xml.Descendants("failure").Single().Attribute("message")!.Value, Is.EqualTo("\ufffd\ufffd ]]> & <b>"));
    }
}
