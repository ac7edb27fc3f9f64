using NUnit.Framework;
using PuppeteerSharp;
using PuppeteerSharp.Media;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Html;
using Vsockspec.Tests;

namespace Vsockspec.Harness.Tests.Results;

/// <summary><c>report.html</c> as a person has it: in a real browser, with mouse and keyboard, narrow and wide, light and dark, with scripts and without.</summary>
[CancelAfter(240_000)]
public sealed class ReportPageTests : PageFixture
{
    protected override byte[] MakePage()
    {
        using SmallBundle bundle = new();
        string wide = new('w', 500);
        RunReport report = bundle.Build([.. bundle.Report.Cases, Sample.Failed with { Id = "VSC-0106", Observed = wide, Log = wide + "\nlast line", Expected = $"a {wide}", FailureCode = wide[..80], Trace = null }]);
        return HtmlReport.Render(report, bundle.Register, bundle.Folder, Sample.Report(), Sample.Certificate);
    }

    [Test]
    public async Task Page_Opened_LoadsNothingAndReportsNoError([Values] bool scripts) => Assert.That(await Heard(scripts), Is.EqualTo([$"request file://{Page}"]));

    [Test]
    public async Task Search_Words_LeavesTheRowsThatHaveThem()
    {
        await Open();
        await Tab.TypeAsync("[data-filters=tests-list] input", "credit_request answered");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Shown("tests-list"), Is.EqualTo(["VSC-0101"]));
            Assert.That(await Text("[data-filters=tests-list] output"), Is.EqualTo("1 of 7"));
        }
    }

    [Test]
    public async Task Select_AVerdict_LeavesTheRowsThatHaveItAndUnfoldsThem()
    {
        await Open();
        await Tab.SelectAsync("[data-filters=rules-list] select", "untestable");
        Assert.That(await Shown("rules-list"), Is.EqualTo(["ST-03"]));
        await Tab.SelectAsync("[data-filters=rules-list] select", "");
        Assert.That(await Text("[data-filters=rules-list] output"), Is.EqualTo("all 8"));
        await Tab.SelectAsync("[data-filters=tests-list] select", "recorded");
        Assert.That(await Shown("tests-list"), Is.EqualTo(["VSC-0901"]));
    }

    [Test]
    public async Task Link_ToARowThatIsFilteredAway_ShowsIt()
    {
        await Open();
        await Tab.SelectAsync("[data-filters=rules-list] select", "untestable");
        await Tab.EvaluateExpressionAsync("document.querySelector('#failures a[href=\"#r-VS-CRED-DEV-1\"]').click()");
        await Tab.WaitForFunctionAsync("() => { const r = document.getElementById('r-VS-CRED-DEV-1').getBoundingClientRect(); return r.height > 0 && r.top >= 0 && r.bottom <= innerHeight; }");
        Assert.That(await Text("[data-filters=rules-list] output"), Is.EqualTo("all 8"));
    }

    [Test]
    public async Task Page_WithoutScripts_HasEverything()
    {
        await Tab.SetJavaScriptEnabledAsync(false);
        await Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("[...document.querySelectorAll('.filter')].every(f => f.getClientRects().length === 0)"), "filters need scripts, and are not shown without");
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures .lanes').getClientRects().length > 0"));
        }

        // A folded rule, by a link, as a browser shows it without our help.
        await Tab.GoToAsync($"file://{Page}#r-OP-01");
        await Tab.WaitForFunctionAsync("() => document.getElementById('r-OP-01').getBoundingClientRect().height > 0");
        await Tab.ClickAsync("#f-VSC-0104 > summary");
        await Tab.WaitForFunctionAsync("() => document.getElementById('f-VSC-0104').open");
    }

    [Test]
    public async Task Page_Narrow_NeverOverflows([Values(320, 390, 768, 1280)] int width)
    {
        await SetWidth(width);
        await Open();
        await OpenAll();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth"), Is.LessThanOrEqualTo(width));
            Assert.That(await Beyond(), Is.Empty);
        }
    }

    [Test]
    public async Task Page_Loading_DoesNotShift([Values(390, 1280)] int width)
    {
        await SetWidth(width);
        Assert.That(await Shifts(), Is.Zero);
    }

    [Test]
    public async Task TabKey_ReachesEverythingAndShowsWhereItIs()
    {
        IReadOnlyList<string> stops = await Stops();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(stops[0], Is.EqualTo("A#content"));
            Assert.That(stops, Does.Contain("INPUTrules-list").And.Contain("SELECTrules-list").And.Contain("INPUTtests-list").And.Contain("SELECTtests-list"));
            Assert.That(stops.Count(s => s == "SUMMARY"), Is.GreaterThanOrEqualTo(6));
            Assert.That(stops.Where(s => s.EndsWith("INVISIBLE", StringComparison.Ordinal)), Is.Empty);
        }
    }

    [Test]
    public async Task SpaceKey_OnAFailure_OpensAndClosesIt()
    {
        await Open();
        await Tab.FocusAsync("#failures details summary");
        bool before = await Tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures details').open");
        await Tab.Keyboard.PressAsync("Space");
        Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures details').open"), Is.EqualTo(!before));
    }

    [Test]
    public async Task Text_AnywhereInBothSchemes_HasEnoughContrast([Values("light", "dark")] string scheme)
    {
        await SetScheme(scheme);
        await Open();
        await OpenAll();
        IReadOnlyList<Contrast> measured = await Contrasts();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(measured, Has.Count.GreaterThan(20));
            Assert.That(measured.Where(m => !m.IsEnough), Is.Empty);
        }
    }

    [Test]
    public async Task Page_AskedByAxe_HasNoBarrier([Values("light", "dark")] string scheme)
    {
        await SetScheme(scheme);
        await Open();
        await OpenAll();
        Assert.That(await Barriers(), Is.Empty);
    }

    [Test]
    public async Task Page_Printed_HasWhatIsFoldedAway()
    {
        await Open();
        await Tab.EmulateMediaTypeAsync(MediaType.Print);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.getElementById('r-OP-01').getBoundingClientRect().height > 0"), "a rule in a closed fold");
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('nav').getClientRects().length === 0"));
            Assert.That(await Tab.PdfDataAsync(new PdfOptions { Format = PaperFormat.A4 }), Has.Length.GreaterThan(20_000));
        }
    }

    [Test]
    public async Task Page_OfAThousandCases_OpensAtOnce()
    {
        using SmallBundle bundle = new();
        RunReport report = bundle.Build(
        [
            .. from id in Enumerable.Range(0, 250)
               from variant in Variant.Pairwise
               select Sample.Failed with { Id = $"VSC-{id:0000}", Variant = variant.Name, Area = $"area {id / 20}", Verdict = id % 10 == 0 ? Verdict.Fail : Verdict.Pass },
        ]);
        byte[] html = HtmlReport.Render(report, bundle.Register, bundle.Folder);
        string file = Path.Combine(Folder, "thousand.html");
        await File.WriteAllBytesAsync(file, html);
        await Tab.GoToAsync($"file://{file}");
        double milliseconds = await Tab.EvaluateExpressionAsync<double>("performance.getEntriesByType('navigation')[0].loadEventEnd");
        TestContext.Out.WriteLine($"{html.Length} bytes, loaded after {milliseconds:0} ms");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(html, Has.Length.LessThan(2_000_000));
            Assert.That(milliseconds, Is.GreaterThan(0).And.LessThan(10_000), "far beyond what it takes on a slow machine");
        }
    }
}
