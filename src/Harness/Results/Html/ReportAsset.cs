using System.Reflection;
using System.Security.Cryptography;
using System.Text;

namespace Vsockspec.Results.Html;

/// <summary>A style sheet or a script that comes with this program and is written into every report.</summary>
internal sealed class ReportAsset
{
    public static readonly ReportAsset Style = new(typeof(ReportAsset).Assembly, "report.css");
    public static readonly ReportAsset Script = new(typeof(ReportAsset).Assembly, "report.js");

    /// <param name="name">A resource of <paramref name="assembly"/>.</param>
    public ReportAsset(Assembly assembly, string name)
    {
        using Stream stream = assembly.GetManifestResourceStream(name)!;
        using StreamReader reader = new(stream, Encoding.UTF8);
        Text = reader.ReadToEnd();
        Source = $"'sha256-{Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(Text)))}'";
    }

    public string Text { get; }

    /// <summary>How a Content-Security-Policy allows exactly this text.</summary>
    public string Source { get; }
}
