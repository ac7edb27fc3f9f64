using System.Text.Json;
using NUnit.Framework;
using PuppeteerSharp;
using PuppeteerSharp.Media;
using Vsockspec.Cases;
using Vsockspec.Results;
using Vsockspec.Results.Html;

namespace Vsockspec.Harness.Tests.Results;

/// <summary><c>report.html</c> as a person has it: in a real browser, with mouse and keyboard, narrow and wide, light and dark, with scripts and without.</summary>
[CancelAfter(240_000)]
public sealed class ReportPageTests
{
    private const string Browser = "/usr/bin/chromium";
    private const double SmallestContrast = 4.5;
    private string folder = "";
    private string page = "";
    private IBrowser browser = null!;
    private IPage tab = null!;

    [OneTimeSetUp]
    public async Task StartBrowser()
    {
        _ = Tool.Require(Browser);
        folder = Directory.CreateTempSubdirectory("vs-").FullName;
        using SmallBundle bundle = new();
        string wide = new('w', 500);
        RunReport report = bundle.Build([.. bundle.Report.Cases, Sample.Failed with { Id = "VSC-0106", Observed = wide, Log = wide + "\nlast line", Expected = $"a {wide}", FailureCode = wide[..80], Trace = null }]);
        page = Path.Combine(folder, "report.html");
        File.WriteAllBytes(page, HtmlReport.Render(report, bundle.Register, bundle.Folder, Sample.Report(), Sample.Certificate));
        string[] flags = Environment.UserName == "root" ? ["--no-sandbox"] : [];
        browser = await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = Browser,
            Headless = true,
            UserDataDir = Path.Combine(folder, "profile"),
            Args = [.. flags, "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars"],
        });
    }

    [OneTimeTearDown]
    public async Task EndBrowser()
    {
        if (browser is not null)
        {
            await browser.DisposeAsync();
        }

        if (folder.Length > 0)
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [SetUp]
    public async Task OpenTab()
    {
        tab = await browser.NewPageAsync();
        await tab.SetViewportAsync(new ViewPortOptions { Width = 1280, Height = 900 });
    }

    [TearDown]
    public async Task CloseTab() => await tab.DisposeAsync();

    [Test]
    public async Task Page_Opened_LoadsNothingAndReportsNoError([Values] bool scripts)
    {
        List<string> heard = [];
        tab.Request += (_, e) => heard.Add($"request {e.Request.Url}");
        tab.Console += (_, e) => heard.Add($"console {e.Message.Text}");
        tab.PageError += (_, e) => heard.Add($"error {e.Message}");
        await tab.SetJavaScriptEnabledAsync(scripts);
        await Open();
        Assert.That(heard, Is.EqualTo([$"request file://{page}"]));
    }

    [Test]
    public async Task Search_Words_LeavesTheRowsThatHaveThem()
    {
        await Open();
        await tab.TypeAsync("[data-filters=tests-list] input", "credit_request answered");
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
        await tab.SelectAsync("[data-filters=rules-list] select", "untestable");
        Assert.That(await Shown("rules-list"), Is.EqualTo(["ST-03"]));
        await tab.SelectAsync("[data-filters=rules-list] select", "");
        Assert.That(await Text("[data-filters=rules-list] output"), Is.EqualTo("all 8"));
        await tab.SelectAsync("[data-filters=tests-list] select", "recorded");
        Assert.That(await Shown("tests-list"), Is.EqualTo(["VSC-0901"]));
    }

    [Test]
    public async Task Link_ToARowThatIsFilteredAway_ShowsIt()
    {
        await Open();
        await tab.SelectAsync("[data-filters=rules-list] select", "untestable");
        await tab.EvaluateExpressionAsync("document.querySelector('#failures a[href=\"#r-VS-CRED-DEV-1\"]').click()");
        await tab.WaitForFunctionAsync("() => { const r = document.getElementById('r-VS-CRED-DEV-1').getBoundingClientRect(); return r.height > 0 && r.top >= 0 && r.bottom <= innerHeight; }");
        Assert.That(await Text("[data-filters=rules-list] output"), Is.EqualTo("all 8"));
    }

    [Test]
    public async Task Page_WithoutScripts_HasEverything()
    {
        await tab.SetJavaScriptEnabledAsync(false);
        await Open();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await tab.EvaluateExpressionAsync<bool>("[...document.querySelectorAll('.filter')].every(f => f.getClientRects().length === 0)"), "filters need scripts, and are not shown without");
            Assert.That(await tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures .lanes').getClientRects().length > 0"));
        }

        // A folded rule, by a link, as a browser shows it without our help.
        await tab.GoToAsync($"file://{page}#r-OP-01");
        await tab.WaitForFunctionAsync("() => document.getElementById('r-OP-01').getBoundingClientRect().height > 0");
        await tab.ClickAsync("#f-VSC-0104 > summary");
        await tab.WaitForFunctionAsync("() => document.getElementById('f-VSC-0104').open");
    }

    [Test]
    public async Task Page_Narrow_NeverOverflows([Values(320, 390, 768, 1280)] int width)
    {
        await tab.SetViewportAsync(new ViewPortOptions { Width = width, Height = 844 });
        await Open();
        await OpenAll();
        string[] beyond = await tab.EvaluateFunctionAsync<string[]>(
            "() => [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !e.closest('.counts') && !e.closest('.log') && !e.closest('thead') && !e.closest('.skip')).map(e => e.tagName + '.' + e.className + ' ' + Math.round(e.getBoundingClientRect().right))");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await tab.EvaluateExpressionAsync<int>("document.documentElement.scrollWidth"), Is.LessThanOrEqualTo(width));
            Assert.That(beyond, Is.Empty);
        }
    }

    [Test]
    public async Task Page_Loading_DoesNotShift([Values(390, 1280)] int width)
    {
        await tab.SetViewportAsync(new ViewPortOptions { Width = width, Height = 844 });
        await tab.EvaluateExpressionOnNewDocumentAsync(
            "globalThis.shifts = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) globalThis.shifts += e.value; }).observe({ type: 'layout-shift', buffered: true });");
        await Open();
        await tab.EvaluateExpressionAsync("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))");
        Assert.That(await tab.EvaluateExpressionAsync<double>("globalThis.shifts"), Is.Zero);
    }

    [Test]
    public async Task TabKey_ReachesEverythingAndShowsWhereItIs()
    {
        await Open();
        List<string> stops = [];
        for (int i = 0; i < 400; i++)
        {
            await tab.Keyboard.PressAsync("Tab");
            string stop = await tab.EvaluateFunctionAsync<string>(
                "() => { const e = document.activeElement; const s = getComputedStyle(e); return e === document.body ? '' : e.tagName + (e.getAttribute('href') ?? '') + (e.closest('[data-filters]')?.dataset.filters ?? '') + (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2 ? ' INVISIBLE' : ''); }");
            if (stop.Length == 0)
            {
                break;
            }

            stops.Add(stop);
        }

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
        await tab.FocusAsync("#failures details summary");
        bool before = await tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures details').open");
        await tab.Keyboard.PressAsync("Space");
        Assert.That(await tab.EvaluateExpressionAsync<bool>("document.querySelector('#failures details').open"), Is.EqualTo(!before));
    }

    [Test]
    public async Task Text_AnywhereInBothSchemes_HasEnoughContrast([Values("light", "dark")] string scheme)
    {
        const string Measure = """
            () => {
              const parse = (c) => c.match(/[\d.]+/g).map(Number);
              const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
              const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] === 1) return c; } return [255, 255, 255]; };
              const seen = new Map();
              const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
              for (let node = walker.nextNode(); node; node = walker.nextNode()) {
                const e = node.parentElement;
                if (node.data.trim() === '' || e.getClientRects().length === 0) continue;
                const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
                const ratio = (a + 0.05) / (b + 0.05);
                seen.set(`${e.tagName}.${e.className}`, Math.min(ratio, seen.get(`${e.tagName}.${e.className}`) ?? 21));
              }
              return [...seen].map(([what, ratio]) => ({ what, ratio }));
            }
            """;
        await tab.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await Open();
        await OpenAll();
        Contrast[] measured = await tab.EvaluateFunctionAsync<Contrast[]>(Measure);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(measured, Has.Length.GreaterThan(20));
            Assert.That(measured.Where(m => m.Ratio < SmallestContrast), Is.Empty);
        }
    }

    /// <summary>The rules of WCAG 2.2 A and AA, as axe-core checks them.</summary>
    [Test]
    public async Task Page_AskedByAxe_HasNoBarrier([Values("light", "dark")] string scheme)
    {
        string axe = await File.ReadAllTextAsync(Tool.Schema("node_modules/axe-core/axe.min.js"));
        await tab.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);
        await Open();
        await OpenAll();
        await tab.EvaluateExpressionAsync(axe);
        JsonElement[] barriers = await tab.EvaluateFunctionAsync<JsonElement[]>(
            "async () => (await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })).violations.map(v => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)) }))");
        Assert.That(barriers.Select(b => b.GetRawText()), Is.Empty);
    }

    [Test]
    public async Task Page_Printed_HasWhatIsFoldedAway()
    {
        await Open();
        await tab.EmulateMediaTypeAsync(MediaType.Print);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(await tab.EvaluateExpressionAsync<bool>("document.getElementById('r-OP-01').getBoundingClientRect().height > 0"), "a rule in a closed fold");
            Assert.That(await tab.EvaluateExpressionAsync<bool>("document.querySelector('nav').getClientRects().length === 0"));
            Assert.That(await tab.PdfDataAsync(new PdfOptions { Format = PaperFormat.A4 }), Has.Length.GreaterThan(20_000));
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
        string file = Path.Combine(folder, "thousand.html");
        await File.WriteAllBytesAsync(file, html);
        await tab.GoToAsync($"file://{file}");
        double milliseconds = await tab.EvaluateExpressionAsync<double>("performance.getEntriesByType('navigation')[0].loadEventEnd");
        TestContext.Out.WriteLine($"{html.Length} bytes, loaded after {milliseconds:0} ms");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(html, Has.Length.LessThan(2_000_000));
            Assert.That(milliseconds, Is.GreaterThan(0).And.LessThan(10_000), "far beyond what it takes on a slow machine");
        }
    }

    private async Task Open() => await tab.GoToAsync($"file://{page}");

    private async Task OpenAll() => await tab.EvaluateExpressionAsync("document.querySelectorAll('details').forEach(d => d.open = true)");

    private Task<string> Text(string selector) => tab.EvaluateFunctionAsync<string>("s => document.querySelector(s).textContent", selector);

    /// <summary>The first cell of each row that can be seen.</summary>
    private Task<string[]> Shown(string list) =>
        tab.EvaluateFunctionAsync<string[]>("id => [...document.querySelectorAll(`#${id} tr[data-w]`)].filter(r => r.getBoundingClientRect().height > 0).map(r => r.cells[0].textContent)", list);

    private sealed record Contrast(string What, double Ratio);
}
