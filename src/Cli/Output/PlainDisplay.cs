using System.Globalization;
using Vsockspec.Cases;

namespace Vsockspec.Cli.Output;

/// <summary>One line for each area when it is done: for logs and pipes.</summary>
internal sealed class PlainDisplay(TextWriter output, AreaProgress progress) : IRunDisplay
{
    private readonly int _width = progress.Areas.Select(a => a.Name.Length).DefaultIfEmpty().Max();

    public void CaseStarted(CaseRun run)
    {
        // A log has no place for what is going on right now.
    }

    public void CaseFinished(CaseResult result)
    {
        AreaCount area = progress.Add(result);
        if (area.Done == area.Total)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"  {area.Name.PadRight(_width)}  {area.Verdicts} ({area.DurationMs / 1000:0.00} s)"));
            output.Flush();
        }
    }

    public void Dispose()
    {
        // Nothing is held.
    }
}
