using Spectre.Console;
using Vsockspec.Cases;

namespace Vsockspec.Cli.Output;

/// <summary>A table on the terminal that grows with the run: one line for each area.</summary>
internal sealed class LiveDisplay : IRunDisplay
{
    /// <summary>A terminal cannot be read faster.</summary>
    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMilliseconds(50);

    private readonly AreaProgress _progress;
    private readonly Table _table = new Table().HideHeaders().NoBorder().AddColumn("").AddColumn("").AddColumn("");
    private readonly Dictionary<string, int> _rowByArea = new(StringComparer.Ordinal);
    private readonly ManualResetEventSlim _end = new();
    private readonly Thread _thread;
    private readonly Lock _gate = new();
    private volatile bool _changed;

    public LiveDisplay(AreaProgress progress)
    {
        _progress = progress;
        foreach (AreaCount area in progress.Areas)
        {
            _rowByArea[area.Name] = _rowByArea.Count;
            _table.AddRow(Markup.Escape(area.Name), $"0/{area.Total}", "");
        }

        // Spectre's live region owns the terminal for as long as its callback runs.
        _thread = new Thread(Show) { IsBackground = true, Name = "live display" };
        _thread.Start();
    }

    public void CaseStarted(CaseRun run)
    {
        // The line of an area changes with results only; cases take milliseconds.
    }

    public void CaseFinished(CaseResult result)
    {
        lock (_gate)
        {
            AreaCount area = _progress.Add(result);
            int row = _rowByArea[area.Name];
            string colour = area.HasFailures ? "red" : area.Done == area.Total ? "green" : "default";
            _table.UpdateCell(row, 1, $"{area.Done}/{area.Total}");
            _table.UpdateCell(row, 2, $"[{colour}]{Markup.Escape(area.Verdicts)}[/]");
            _changed = true;
        }
    }

    public void Dispose()
    {
        _end.Set();
        _thread.Join();
        _end.Dispose();
    }

    private void Show() => AnsiConsole.Live(_table).Start(context =>
    {
        bool ended;
        do
        {
            ended = _end.Wait(RefreshInterval);
            lock (_gate)
            {
                if (_changed || ended)
                {
                    _changed = false;
                    context.Refresh();
                }
            }
        }
        while (!ended);
    });
}
