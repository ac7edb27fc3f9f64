using System.Buffers.Binary;
using System.Globalization;

namespace Vsockspec.Results.Html;

/// <summary>What was tested: name, digest, and what it claims beside what it offers.</summary>
internal sealed class TargetSection(ReportContext context) : ISection
{
    private readonly TargetInfo target = context.Report.Target;

    public string Id => "target";

    public string Title => "What was tested";

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Dl, Attr.Class("facts")))
        {
            html.Fact("name", target.Name);
            html.Fact("version", target.Version);
            using (html.Fact("role"))
            {
                html.Word(target.Role);
                html.Text(target.Role == "driver" ? ", the guest's side; the test suite played the device" : ", the host's side; the test suite played the driver");
            }

            html.Fact("reached over", target.Transport);
            html.Fact("program", target.Digest is { } digest ? $"sha256 {digest}" : "no digest: it is not a file that could be read, as a kernel is", code: target.Digest is not null);
            html.Fact("described by", target.Manifest, code: true);
            html.Fact("configuration", Configuration(target.Config));
        }

        WriteFeatures(html);
    }

    private void WriteFeatures(HtmlWriter html)
    {
        if (target.OfferedFeatures is not { } offered)
        {
            html.Element(Tag.P, "It was never asked what it offers.", Attr.Class("quiet"));
            return;
        }

        string[] all = [.. offered, .. target.ProtocolFeatures ?? []];
        html.Element(Tag.H3, target.Role == "driver" ? "Features" : "Claims and offers");
        html.Element(
            Tag.P,
            target.Claims is null ? "Nothing is claimed: whatever is offered was tested." : "What its manifest claims beside what it offered. A claim that is not kept is a failure.",
            Attr.Class("lead"));
        using (html.Open(Tag.Ul, Attr.Class("features")))
        {
            foreach (string feature in (target.Claims ?? []).Union(all, StringComparer.Ordinal))
            {
                bool isClaimed = target.Claims?.Contains(feature, StringComparer.Ordinal) ?? false;
                bool isOffered = all.Contains(feature, StringComparer.Ordinal);
                using (html.Open(Tag.Li))
                {
                    html.Element(Tag.Code, feature);
                    html.Text(" ");
                    html.Chip((isClaimed, isOffered) switch
                    {
                        (true, true) => new Status("claimed and offered", "pass", ""),
                        (true, false) => new Status("claimed, not offered", "fail", ""),
                        _ when target.Claims is null => new Status("offered", "info", ""),
                        _ => new Status("offered, not claimed", "info", ""),
                    });
                }
            }
        }
    }

    /// <summary>The configuration space of a vsock device is the guest's address.</summary>
    private static string? Configuration(string? hex)
    {
        if (hex is not { Length: 16 } || !ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out ulong bytes))
        {
            return hex;
        }

        return $"guest CID {BinaryPrimitives.ReverseEndianness(bytes)}";
    }
}
