using NUnit.Framework;
using PuppeteerSharp;
using PuppeteerSharp.Media;
using Vsockspec.Perf.Reports;
using Vsockspec.Tests;

namespace Vsockspec.Perf.Tests.Reports;

/// <summary><c>report.html</c> of measurements as a person has it: a failed run, a comparison and a history on one page.</summary>
[CancelAfter(240_000)]
public sealed class PerfPageTests : PageFixture
{
    protected override byte[] MakePage() => PerfPage.Render(new ReportInput([SampleReports.FailedRun()], [SampleReports.Comparison()], SampleReports.History()));

    [Test]
    public async Task Page_Opened_LoadsNothingAndReportsNoError([Values] bool scripts) => Assert.That(await Heard(scripts), Is.EqualTo([$"request file://{Page}"]));

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

    /// <summary>Texts of a drawing lie neither on each other nor beyond the card that it stands on.</summary>
    [Test]
    public async Task Charts_AtAnyWidth_HaveTextsThatCanBeRead([Values(390, 768, 1280)] int width)
    {
        const string Measure = """
            () => [...document.querySelectorAll('.chart')].flatMap((chart) => {
              const card = chart.querySelector('.plot, .draw').getBoundingClientRect();
              const inside = chart.querySelector('.plot') ? 0 : 18;
              const texts = [...chart.querySelectorAll('.draw text')].map((e) => ({ e, r: e.getBoundingClientRect() })).filter((t) => t.r.width > 0);
              const name = (t) => `${chart.querySelector('figcaption').textContent}: ${t.e.textContent}`;
              const out = texts.filter((t) => t.r.left < card.left - inside || t.r.right > card.right + inside || t.r.top < card.top - inside || t.r.bottom > card.bottom + inside).map((t) => `beyond: ${name(t)}`);
              const on = texts.flatMap((a, i) => texts.slice(i + 1).filter((b) => a.r.left < b.r.right - 1 && b.r.left < a.r.right - 1 && a.r.top < b.r.bottom - 3 && b.r.top < a.r.bottom - 3).map((b) => `on each other: ${name(a)} / ${b.e.textContent}`));
              return [...out, ...on];
            })
            """;
        await SetWidth(width);
        await Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<int>("document.querySelectorAll('.chart').length"), Is.GreaterThan(12));
            Assert.That(await Tab.EvaluateFunctionAsync<string[]>(Measure), Is.Empty);
        }
    }

    [Test]
    public async Task Charts_All_HaveTitleDescriptionTableAndSomethingDrawn()
    {
        const string Incomplete = """
            () => [...document.querySelectorAll('.chart')].filter((c) => {
              const drawing = c.querySelector('svg[role=img]');
              const words = drawing.getAttribute('aria-labelledby').split(' ').map((id) => document.getElementById(id).textContent);
              const shown = [...drawing.querySelectorAll('path.through, path.points, line.interval')].filter((p) => p.getBoundingClientRect().width > 0);
              return words.length !== 2 || words.some((w) => w.length < 3) || c.querySelectorAll('details tbody tr').length === 0 || shown.length === 0;
            }).map((c) => c.querySelector('figcaption').textContent)
            """;
        await Open();
        await OpenAll();
        Assert.That(await Tab.EvaluateFunctionAsync<string[]>(Incomplete), Is.Empty);
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
            Assert.That(stops, Does.Contain("INPUTfigures-list").And.Contain("SELECTfigures-list").And.Contain("INPUThistory-list"));
            Assert.That(stops.Count(s => s.StartsWith("Adata:", StringComparison.Ordinal)), Is.EqualTo(6), "every file can be stored");
            Assert.That(stops.Count(s => s.StartsWith("SUMMARY", StringComparison.Ordinal)), Is.GreaterThan(20));
            Assert.That(stops.Where(s => s.EndsWith("INVISIBLE", StringComparison.Ordinal)), Is.Empty);
        }
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
            Assert.That(measured, Has.Count.GreaterThan(40));
            Assert.That(measured.Where(m => !m.IsEnough), Is.Empty);
        }
    }

    /// <summary>Lines and marks are told apart by their shape; they must be seen, though.</summary>
    [Test]
    public async Task Lines_InBothSchemes_StandOutFromTheCard([Values("light", "dark")] string scheme)
    {
        const string Measure = """
            () => {
              const light = (c) => c.match(/[\d.]+/g).map(Number).map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
              const card = light(getComputedStyle(document.querySelector('.plot')).backgroundColor);
              return [...document.querySelectorAll('path.through, path.points, line.interval')].map((p) => light(getComputedStyle(p).stroke)).map((l) => (Math.max(l, card) + 0.05) / (Math.min(l, card) + 0.05));
            }
            """;
        await SetScheme(scheme);
        await Open();
        Assert.That(await Tab.EvaluateFunctionAsync<double[]>(Measure), Has.Length.GreaterThan(20).And.All.GreaterThan(3));
    }

    [Test]
    public async Task Page_AskedByAxe_HasNoBarrier([Values("light", "dark")] string scheme, [Values(390, 1280)] int width)
    {
        await SetScheme(scheme);
        await SetWidth(width);
        await Open();
        await OpenAll();
        Assert.That(await Barriers(), Is.Empty);
    }

    [Test]
    public async Task Filter_OfFigures_LeavesThoseAskedFor()
    {
        await Open();
        await Tab.SelectAsync("[data-filters=figures-list] select", "goal missed");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Shown("figures-list"), Is.EqualTo(["64\u00a0B (load generator is the limit)", "64\u00a0KiB"]));
            Assert.That(await Text("[data-filters=figures-list] output"), Does.StartWith("2 of "));
        }
    }

    [Test]
    public async Task Filter_OfSeries_LeavesThoseThatBecameWorse()
    {
        await Open();
        await Tab.SelectAsync("[data-filters=history-list] select", "became worse");
        Assert.That(await Text("[data-filters=history-list] output"), Is.EqualTo("2 of 7"));
    }

    [Test]
    public async Task Page_WithoutScripts_HasEverything()
    {
        await Tab.SetJavaScriptEnabledAsync(false);
        await Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("[...document.querySelectorAll('.filter')].every(f => f.getClientRects().length === 0)"), "filters need scripts, and are not shown without");
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('.chart .through').getClientRects().length > 0"));
        }

        await Tab.ClickAsync(".chart details > summary");
        await Tab.WaitForFunctionAsync("() => document.querySelector('.chart details').open && document.querySelector('.chart details table').getBoundingClientRect().height > 0");
    }

    [Test]
    public async Task Download_OfEachFile_StoresIt([Values("figures.csv", "metrics.txt")] string name)
    {
        string folder = Directory.CreateDirectory(Path.Combine(Folder, $"stored-{name}")).FullName;
        ICDPSession session = await Tab.CreateCDPSessionAsync();
        await session.SendAsync("Browser.setDownloadBehavior", new { behavior = "allow", downloadPath = folder, eventsEnabled = true });
        await Tab.SetJavaScriptEnabledAsync(false);
        await Open();
        await Tab.ClickAsync($"a[download='{name}']");
        string file = Path.Combine(folder, name);
        Assert.That(() => File.Exists(file) ? File.ReadAllText(file) : "", Does.Contain("stream/guest-to-host/throughput/65536").After(20_000, 100));
    }

    [Test]
    public async Task Page_Printed_HasChartsAndWhatIsFoldedAway()
    {
        await Open();
        await Tab.EmulateMediaTypeAsync(MediaType.Print);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('#figures-list td').getBoundingClientRect().height > 0"), "a figure in a closed fold");
            Assert.That(await Tab.EvaluateExpressionAsync<bool>("document.querySelector('nav').getClientRects().length === 0"));
            Assert.That(await Tab.PdfDataAsync(new PdfOptions { Format = PaperFormat.A4 }), Has.Length.GreaterThan(50_000));
        }
    }

    [Test]
    public async Task Page_OfAThousandFigures_OpensAtOnce()
    {
        string file = Path.Combine(Folder, "thousand.html");
        await File.WriteAllBytesAsync(file, PerfPage.Render(new ReportInput([SampleReports.Many(1000)], [], SampleReports.History(60, 400))));
        await Tab.GoToAsync($"file://{file}");
        double milliseconds = await Tab.EvaluateExpressionAsync<double>("performance.getEntriesByType('navigation')[0].loadEventEnd");
        TestContext.Out.WriteLine($"loaded after {milliseconds:0} ms");
        Assert.That(milliseconds, Is.GreaterThan(0).And.LessThan(10_000), "far beyond what it takes on a slow machine");
    }
}
