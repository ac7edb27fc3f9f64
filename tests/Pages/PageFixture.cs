using System.Text.Json;
using NUnit.Framework;
using PuppeteerSharp;

namespace Vsockspec.Tests;

/// <summary>A page as a person has it: in a real browser, whose questions to a page are the same for every report.</summary>
public abstract class PageFixture
{
    private const string Browser = "/usr/bin/chromium";
    private IBrowser browser = null!;

    /// <summary>A folder of the fixture's own, with the page and the browser's profile.</summary>
    protected string Folder { get; private set; } = "";

    /// <summary>The page's file.</summary>
    protected string Page => Path.Combine(Folder, "report.html");

    protected IPage Tab { get; private set; } = null!;

    [OneTimeSetUp]
    public async Task StartBrowser()
    {
        _ = Tool.Require(Browser);
        Folder = Directory.CreateTempSubdirectory("vs-").FullName;
        await File.WriteAllBytesAsync(Page, MakePage());
        string[] flags = Environment.UserName == "root" ? ["--no-sandbox"] : [];
        browser = await Puppeteer.LaunchAsync(new LaunchOptions
        {
            ExecutablePath = Browser,
            Headless = true,
            UserDataDir = Path.Combine(Folder, "profile"),
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

        if (Folder.Length > 0)
        {
            Directory.Delete(Folder, recursive: true);
        }
    }

    [SetUp]
    public async Task OpenTab()
    {
        Tab = await browser.NewPageAsync();
        await Tab.SetViewportAsync(new ViewPortOptions { Width = 1280, Height = 900 });
    }

    [TearDown]
    public async Task CloseTab() => await Tab.DisposeAsync();

    protected abstract byte[] MakePage();

    protected async Task Open() => await Tab.GoToAsync($"file://{Page}");

    protected async Task OpenAll() => await Tab.EvaluateExpressionAsync("document.querySelectorAll('details').forEach(d => d.open = true)");

    protected Task<string> Text(string selector) => Tab.EvaluateFunctionAsync<string>("s => document.querySelector(s).textContent", selector);

    protected Task SetScheme(string scheme) => Tab.EmulateMediaFeaturesAsync([new MediaFeatureValue { MediaFeature = MediaFeature.PrefersColorScheme, Value = scheme }]);

    protected Task SetWidth(int width) => Tab.SetViewportAsync(new ViewPortOptions { Width = width, Height = 844 });

    /// <summary>Opens the page and gives what it asked for, printed and threw.</summary>
    protected async Task<IReadOnlyList<string>> Heard(bool scripts)
    {
        List<string> heard = [];
        Tab.Request += (_, e) => heard.Add($"request {e.Request.Url}");
        Tab.Console += (_, e) => heard.Add($"console {e.Message.Text}");
        Tab.PageError += (_, e) => heard.Add($"error {e.Message}");
        await Tab.SetJavaScriptEnabledAsync(scripts);
        await Open();
        return heard;
    }

    /// <summary>The first cell of each row that can be seen.</summary>
    protected Task<string[]> Shown(string list) =>
        Tab.EvaluateFunctionAsync<string[]>("id => [...document.querySelectorAll(`#${id} tr[data-w]`)].filter(r => r.getBoundingClientRect().height > 0).map(r => r.cells[0].textContent)", list);

    /// <summary>Elements that stick out of the window to the right, but for those within what may be scrolled.</summary>
    protected Task<string[]> Beyond() => Tab.EvaluateFunctionAsync<string[]>(
        "() => [...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1 && !['.counts', '.log', '.scroll', 'thead', '.skip'].some(s => e.closest(s))).map(e => e.tagName + '.' + e.getAttribute('class') + ' ' + Math.round(e.getBoundingClientRect().right))");

    /// <summary>Opens the page and gives how much of it moved while it was loading.</summary>
    protected async Task<double> Shifts()
    {
        await Tab.EvaluateExpressionOnNewDocumentAsync(
            "globalThis.shifts = 0; new PerformanceObserver(l => { for (const e of l.getEntries()) globalThis.shifts += e.value; }).observe({ type: 'layout-shift', buffered: true });");
        await Open();
        await Tab.EvaluateExpressionAsync("new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))");
        return await Tab.EvaluateExpressionAsync<double>("globalThis.shifts");
    }

    /// <summary>What the tab key comes to, one after the other; INVISIBLE where nothing shows that it is there.</summary>
    protected async Task<IReadOnlyList<string>> Stops()
    {
        await Open();
        List<string> stops = [];
        for (int i = 0; i < 400; i++)
        {
            await Tab.Keyboard.PressAsync("Tab");
            string stop = await Tab.EvaluateFunctionAsync<string>(
                "() => { const e = document.activeElement; const s = getComputedStyle(e); return e === document.body ? '' : e.tagName + (e.getAttribute('href') ?? '').slice(0, 40) + (e.closest('[data-filters]')?.dataset.filters ?? '') + (s.outlineStyle === 'none' || parseFloat(s.outlineWidth) < 2 ? ' INVISIBLE' : ''); }");
            if (stop.Length == 0)
            {
                break;
            }

            stops.Add(stop);
        }

        return stops;
    }

    /// <summary>The smallest contrast of each kind of text with what is behind it, on the page as it is.</summary>
    protected async Task<IReadOnlyList<Contrast>> Contrasts()
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
                const style = getComputedStyle(e);
                const [a, b] = [light(parse(e instanceof SVGTextElement ? style.fill : style.color)), light(behind(e))].sort((x, y) => y - x);
                const ratio = (a + 0.05) / (b + 0.05);
                const what = `${e.tagName}.${e.getAttribute('class') ?? ''}.${e instanceof SVGElement ? style.fill : ''}`;
                seen.set(what, Math.min(ratio, seen.get(what) ?? 21));
              }
              return [...seen].map(([what, ratio]) => ({ what, ratio }));
            }
            """;
        return await Tab.EvaluateFunctionAsync<Contrast[]>(Measure);
    }

    /// <summary>What of WCAG 2.2, A and AA, the page as it is misses, as axe-core checks it.</summary>
    protected async Task<IEnumerable<string>> Barriers()
    {
        await Tab.EvaluateExpressionAsync(await File.ReadAllTextAsync(Tool.Schema("node_modules/axe-core/axe.min.js")));
        JsonElement[] barriers = await Tab.EvaluateFunctionAsync<JsonElement[]>(
            "async () => (await axe.run({ runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'] })).violations.map(v => ({ id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200)) }))");
        return barriers.Select(b => b.GetRawText());
    }

    protected sealed record Contrast(string What, double Ratio)
    {
        /// <summary>What WCAG asks of text.</summary>
        public bool IsEnough => Ratio >= 4.5;
    }
}
