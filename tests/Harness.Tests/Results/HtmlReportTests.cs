using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Html;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

public sealed partial class HtmlReportTests
{
    private const string Evil = "</script></style><img src=x onerror=alert(1)>\"'&amp;\u202e\u0000<svg/onload=alert(2)>";

    private static Certificate EvilCertificate => Sample.Certificate with
    {
        Statement = Evil, Reasons = [new CertificateReason(Evil, Evil, Evil)], Notes = [Evil], Profiles = [Evil], Skipped = [new SkippedCases(Verdict.NotSupported, Evil, [Evil])],
    };

    [Test]
    public void Html_SmallRun_IsAsApproved()
    {
        using SmallBundle bundle = new();
        Snapshot.Match(WithoutAssets(HtmlReport.Render(bundle.Report, bundle.Register, bundle.Folder, Sample.Report(), Sample.Certificate)), "report.html");
    }

    [Test]
    public void Html_TextsOfTargets_StayText()
    {
        using SmallBundle bundle = new();
        CaseResult evil = Sample.Failed with
        {
            Id = Evil, Title = Evil, Area = Evil, Requirements = [Evil, "VS-CRED-DEV-1"], Variant = Evil, FailureCode = Evil, Repeated = Evil, Expected = Evil,
            Observed = Evil + " https://example.org/\"onmouseover=alert(1) javascript:alert(1)", Trace = "traces/" + Evil, Log = Evil, Recorded = new SortedDictionary<string, string> { [Evil] = Evil },
            Findings = [new AuditFinding(Evil, 1, Evil)], Hints = [new RegressionHint(Evil, Evil, [Evil, "javascript:alert(1)"], [])],
        };
        RunReport report = bundle.Report with
        {
            Suite = bundle.Report.Suite with { Name = Evil, Version = Evil, Commit = Evil },
            Target = bundle.Report.Target with { Name = Evil, Version = Evil, Role = Evil, Transport = Evil, Digest = Evil, Manifest = Evil, Claims = [Evil], OfferedFeatures = [Evil], Config = Evil },
            Environment = new EnvironmentInfo(Evil, Evil, Evil, Evil, 1, 1, Evil),
            Run = bundle.Report.Run with { Id = Evil, Profile = Evil, Shard = Evil, Error = Evil, State = RunState.Broken },
            Guests = [new GuestRecord { Vmm = Evil, Accelerator = Evil, Release = Evil, Why = Evil, KernelDigest = Evil, GivenUp = [Evil], DriverFindings = [Evil], Features = [Evil] }],
            Cases = [evil, evil with { Repetition = 2, Verdict = Verdict.NonStrict }, evil with { Id = Evil + "2", Verdict = Verdict.NonStrict }, evil with { Id = Evil + "3", Verdict = Verdict.KnownFailure }],
            ImplementationProfile = [new RecordedBehaviour(Evil, [Evil], Evil, Evil, [Evil])],
            Requirements = [new RequirementVerdict("VS-CRED-DEV-1", RequirementLevel.Must, Verdict.Fail, [Evil])],
        };

        string html = WithoutAssets(HtmlReport.Render(report, bundle.Register, bundle.Folder, report, EvilCertificate));

        XDocument page = XDocument.Parse(html.Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        using (Assert.EnterMultipleScope())
        {
            Assert.That(page.Descendants("img"), Is.Empty);
            Assert.That(page.Descendants("script").Count(), Is.EqualTo(1));
            Assert.That(page.Descendants().Attributes().Select(a => a.Name.LocalName).Where(n => n.StartsWith("on", StringComparison.Ordinal) || n == "style" || n == "src"), Is.Empty);
            Assert.That(page.Descendants("a").Select(a => a.Attribute("href")!.Value).Where(h => !h.StartsWith('#') && !h.StartsWith("https://", StringComparison.Ordinal) && h != "results.json"), Is.Empty);
            Assert.That(html, Does.Not.Contain("\u202e").And.Not.Contain("\u0000").And.Not.Contain("href=\"javascript"));
        }
    }

    [Test]
    public void Html_OfTheSameBundle_IsTheSame()
    {
        using SmallBundle bundle = new();
        Assert.That(
            HtmlReport.Render(bundle.Report, bundle.Register, bundle.Folder), Is.EqualTo(HtmlReport.Render(bundle.Report, bundle.Register, bundle.Folder)));
    }

    [Test]
    public void Html_EveryLinkWithin_LeadsSomewhere()
    {
        using SmallBundle bundle = new();
        XDocument page = XDocument.Parse(WithoutAssets(HtmlReport.Render(bundle.Report, bundle.Register, bundle.Folder)).Replace("<!DOCTYPE html>", "", StringComparison.Ordinal));
        string[] ids = [.. page.Descendants().Attributes("id").Select(a => a.Value)];
        using (Assert.EnterMultipleScope())
        {
            Assert.That(ids, Is.Unique);
            Assert.That(page.Descendants().Attributes("href").Select(a => a.Value).Where(h => h.StartsWith('#')).Select(h => h[1..]).Except(ids), Is.Empty);
            Assert.That(page.Descendants("a").Attributes("href").Select(a => Uri.UnescapeDataString(a.Value)).Where(h => h.StartsWith("traces/", StringComparison.Ordinal)), Does.Contain("traces/VSC-0102.packed.pcapng"));
        }
    }

    [TestCase(RunState.Complete, Verdict.Pass, "Passes", "sample keeps the 1 rule of the virtio-vsock specification that this run checked.")]
    [TestCase(RunState.Complete, Verdict.Fail, "Fails", "sample breaks 1 of the 1 rule of the virtio-vsock specification that this run checked.")]
    [TestCase(RunState.Complete, Verdict.Inconclusive, "No verdict", "1 test came to no result.")]
    [TestCase(RunState.Complete, Verdict.HarnessError, "No verdict", "1 test came to no result.")]
    [TestCase(RunState.Complete, Verdict.UnexpectedPass, "Out of date", "1 test passed that was announced to fail.")]
    [TestCase(RunState.Complete, Verdict.KnownFailure, "Passes, with known failures", "except for 1 that it was known to break")]
    [TestCase(RunState.Complete, Verdict.NonStrict, "Passes", "One recommendation is not followed, which is allowed.")]
    [TestCase(RunState.Running, Verdict.Pass, "Not finished", "The run did not come to its end (1 of 5 results)")]
    [TestCase(RunState.Stopped, Verdict.Fail, "Fails", "The run did not come to its end (1 of 5 results)")]
    public void Sentence_OfARun_SaysWhatItIs(RunState state, Verdict verdict, string headline, string text)
    {
        RunReport report = ReportBuilder.Build(
            Sample.Suite, Sample.Target, Sample.Machine, Sample.Run with { State = state }, [], [Sample.Passed with { Verdict = verdict }], Sample.Register);
        VerdictSentence sentence = VerdictSentence.Of(report);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(sentence.Headline, Is.EqualTo(headline));
            Assert.That(sentence.Text, Does.Contain(text));
        }
    }

    [Test]
    public void Sentence_OfARunWithAnAnnouncementThatIsOutOfDate_SaysSo()
    {
        using SmallBundle bundle = new();
        RunReport report = bundle.Build([Sample.Passed]);
        report = report with { Expectations = report.Expectations! with { Entries = [.. report.Expectations.Entries.Select(e => e with { IsExpired = true })] } };
        VerdictSentence sentence = VerdictSentence.Of(report);
        Assert.That((sentence.Headline, sentence.Text.Contains("1 announcement of failures is out of date.", StringComparison.Ordinal)), Is.EqualTo(("Out of date", true)));
    }

    [Test]
    public void Html_AThousandCases_StaySmallAndAreRenderedAtOnce([Values(Verdict.Pass, Verdict.Fail)] Verdict verdict)
    {
        using SmallBundle bundle = new();
        string trace = Path.Combine(bundle.Folder, "traces/many.pcapng");
        SmallBundle.WriteTrace(trace, 3000);
        CaseResult[] cases =
        [
            .. from id in Enumerable.Range(0, 250)
               from variant in Variant.Pairwise
               select Sample.Failed with
               {
                   Id = $"VSC-{id:0000}", Variant = variant.Name, Verdict = verdict, Trace = "traces/many.pcapng", Log = string.Join('\n', Enumerable.Repeat("a line of the target's log", 200)),
                   Observed = new string('o', 600), Expected = new string('e', 300), Requirements = ["VS-CRED-DEV-1", "VS-X-24"],
               },
        ];
        RunReport report = bundle.Build(cases);
        _ = HtmlReport.Render(bundle.Report, bundle.Register, bundle.Folder);
        Stopwatch clock = Stopwatch.StartNew();
        byte[] html = HtmlReport.Render(report, bundle.Register, bundle.Folder);
        TestContext.Out.WriteLine($"{html.Length} bytes in {clock.ElapsedMilliseconds} ms");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(html, Has.Length.LessThan(2_000_000));
            Assert.That(clock.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)), "far beyond what it takes on a slow machine");
        }
    }

    /// <summary>The page without style and script, which are files of their own.</summary>
    private static string WithoutAssets(byte[] html)
    {
        string text = Encoding.UTF8.GetString(html);
        Assert.That(text, Does.Contain(ReportAsset.Style.Text).And.Contain(ReportAsset.Script.Text));
        text = text.Replace(ReportAsset.Style.Text, "", StringComparison.Ordinal).Replace(ReportAsset.Script.Text, "", StringComparison.Ordinal);
        return AssetHash().Replace(text, "sha256-...");
    }

    [GeneratedRegex("sha256-[A-Za-z0-9+/]{43}=")]
    private static partial Regex AssetHash();
}
