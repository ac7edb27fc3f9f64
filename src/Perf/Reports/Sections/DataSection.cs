using Vsockspec.Perf.Reports.Export;
using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>The figures as files: kept within the page, so that the page alone is enough; where they are too large for that, beside it.</summary>
internal sealed class DataSection(IReadOnlyList<ExportFile> files) : ISection
{
    /// <summary>Bytes of all files within the page, as they are before they are written as text.</summary>
    private const int MostWithin = 600_000;

    public string Id => "data";

    public string Title => "The figures as files";

    public void Write(HtmlWriter html)
    {
        html.Element(Tag.P, "CSV for a spreadsheet, JSON for a program, OpenMetrics for a monitoring system.", Attr.Class("lead"));
        int within = 0;
        using (html.Open(Tag.Ul, Attr.Class("files")))
        {
            foreach (ExportFile file in files)
            {
                using (html.Open(Tag.Li))
                {
                    bool fits = within + file.Content.Length <= MostWithin;
                    within += fits ? file.Content.Length : 0;
                    string size = $"{Math.Max(1, file.Content.Length / 1024)} KiB";
                    if (fits)
                    {
                        html.Element(Tag.A, $"{file.Name} ({size})", Attr.ToData(file.MediaType, file.Content), Attr.Download(file.Name));
                    }
                    else
                    {
                        html.FileLink(file.Name, $"{file.Name} ({size}, beside this page)");
                    }
                }
            }
        }
    }
}
