using System.Security.Cryptography;
using System.Text;

namespace Vsockspec.Results.Html;

/// <summary>A style sheet or a script that comes with this program and is written into every report.</summary>
internal sealed class ReportAsset
{
    public static readonly ReportAsset Style = new("report.css");
    public static readonly ReportAsset Script = new("report.js");

    private ReportAsset(string name)
    {
        using Stream stream = typeof(ReportAsset).Assembly.GetManifestResourceStream(name)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        Text = reader.ReadToEnd();
        Source = $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Text)))}'";
    }

    public string Text { get; }

    /// <summary>How a Content-Security-Policy allows exactly this text.</summary>
    public string Source { get; }
}
