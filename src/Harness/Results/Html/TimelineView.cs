using System.Globalization;
using Vsockspec.Cases;
using Vsockspec.Wire;

namespace Vsockspec.Results.Html;

/// <summary>
/// Shows packets between driver and device, one row each, in the lane of the queue that it went through, with the counters of both sides. How many
/// packets a report shows is limited, so that a run in which everything fails stays readable.
/// </summary>
internal sealed class TimelineView(ReportContext context)
{
    /// <summary>All packets of a report.</summary>
    public const int MostPackets = 1500;
    private const int Head = 40;
    private const int Tail = 160;
    private int left = MostPackets;

    /// <summary>Writes the packets of a case.</summary>
    /// <param name="share">Packets that each of the cases still to come may show.</param>
    public void Write(HtmlWriter html, CaseResult result, int share)
    {
        if (result.Trace is not { } trace)
        {
            html.Element(Tag.P, "No packets were kept of this case.", Attr.Class("quiet"));
            return;
        }

        if (context.Folder is null || BundlePath.FindTrace(context.Folder, trace) is not { } file)
        {
            html.Element(Tag.P, "The trace is not in this bundle.", Attr.Class("quiet"));
            return;
        }

        int room = Math.Min(left, share);
        PacketTimeline timeline = PacketTimeline.Read(file, Math.Min(Head, room / 5), Math.Min(Tail, room - (room / 5)));
        left -= timeline.Count - timeline.LeftOut;
        WriteTable(html, timeline, result);
    }

    private static void WriteTable(HtmlWriter html, PacketTimeline timeline, CaseResult result)
    {
        if (timeline.Problem is { } problem)
        {
            html.Element(Tag.P, $"The trace cannot be shown whole: {HtmlParts.Cut(problem, 400)}", Attr.Class("quiet"));
        }

        if (timeline.Count == timeline.LeftOut)
        {
            html.Element(Tag.P, timeline.Count == 0 ? "No packet was exchanged." : $"{HtmlParts.Count(timeline.Count, "packet")}: see the trace.", Attr.Class("quiet"));
            return;
        }

        using (html.Open(Tag.Table, Attr.Class("lanes")))
        {
            html.Element(Tag.Caption, Caption(timeline));
            WriteHead(html);
            using (html.Open(Tag.Tbody))
            {
                foreach (TimelinePacket packet in timeline.First)
                {
                    WritePacket(html, packet, timeline, result);
                }

                if (timeline.LeftOut > 0)
                {
                    using (html.Open(Tag.Tr, Attr.Class("gap")))
                    {
                        html.Element(Tag.Td, $"{HtmlParts.Count(timeline.LeftOut, "packet")} left out here; the trace has them", Attr.ColSpan(12));
                    }
                }

                foreach (TimelinePacket packet in timeline.Last)
                {
                    WritePacket(html, packet, timeline, result);
                }
            }
        }
    }

    private static void WriteHead(HtmlWriter html)
    {
        using (html.Open(Tag.Thead))
        {
            using (html.Open(Tag.Tr))
            {
                html.Element(Tag.Th, "packet", Attr.ColSpan(2), Attr.Scope("colgroup"));
                html.Element(Tag.Th, "driver to device (tx)", Attr.Class("lane"), Attr.Scope("col"));
                html.Element(Tag.Th, "device to driver (rx)", Attr.Class("lane"), Attr.Scope("col"));
                html.Element(Tag.Th, "guest's side", Attr.ColSpan(4), Attr.Scope("colgroup"));
                html.Element(Tag.Th, "host's side", Attr.ColSpan(4), Attr.Scope("colgroup"));
            }

            using (html.Open(Tag.Tr))
            {
                foreach (string column in (string[])["no.", "time", "", "", "buf_alloc", "fwd_cnt", "tx_cnt", "may send", "buf_alloc", "fwd_cnt", "tx_cnt", "may send"])
                {
                    if (column.Length == 0)
                    {
                        html.Empty(Tag.Td);
                    }
                    else
                    {
                        html.Element(Tag.Th, column, Attr.Scope("col"));
                    }
                }
            }
        }
    }

    private static string Caption(PacketTimeline timeline)
    {
        string flows = string.Join("; ", timeline.Flows.Take(6).Select((f, i) => $"{Letter(i)} = guest {f.GuestCid}:{f.GuestPort}, host {f.HostCid}:{f.HostPort}, {Names.Of(f.Type)}"));
        string more = timeline.Flows.Count > 6 ? $"; {timeline.Flows.Count - 6} more" : "";
        return $"{HtmlParts.Count(timeline.Count, "packet")}. {(timeline.Flows.Count == 0 ? "" : $"Flows: {flows}{more}. ")}Counters are those of the packet's flow after it, in bytes.";
    }

    private static void WritePacket(HtmlWriter html, TimelinePacket packet, PacketTimeline timeline, CaseResult result)
    {
        bool isMarked = packet.Notes.Count > 0;
        using (isMarked ? html.Open(Tag.Tr, Attr.Class("marked"), Attr.Id(Anchor.OfPacket(result.FullName, packet.Number).Name)) : html.Open(Tag.Tr))
        {
            html.Element(Tag.Td, HtmlParts.Number(packet.Number));
            html.Element(Tag.Td, Time(packet.Microseconds));
            if (!packet.IsToDevice)
            {
                html.Empty(Tag.Td);
            }

            using (html.Open(Tag.Td, Attr.Class(packet.IsToDevice ? "tx" : "rx")))
            {
                WriteLane(html, packet, timeline);
            }

            if (packet.IsToDevice)
            {
                html.Empty(Tag.Td);
            }

            WriteSide(html, packet.Guest, packet.Host);
            WriteSide(html, packet.Host, packet.Guest);
        }

        if (isMarked)
        {
            using (html.Open(Tag.Tr, Attr.Class("note")))
            {
                using (html.Open(Tag.Td, Attr.ColSpan(12)))
                {
                    html.Icon("fail");
                    html.Text($"packet {packet.Number}: {HtmlParts.Cut(string.Join("; ", packet.Notes), 1000)}");
                }
            }
        }

        html.Line();
    }

    private static void WriteLane(HtmlWriter html, TimelinePacket packet, PacketTimeline timeline)
    {
        string arrow = packet.IsToDevice ? "→" : "←";
        if (packet.Header is not { } header)
        {
            html.Text($"{arrow} {HtmlParts.Count((int)Math.Min(packet.Length, int.MaxValue), "byte")}, too few for a header");
        }
        else
        {
            html.Text(arrow + " ");
            html.Element(Tag.Strong, Names.Of(header.Op));
            string flow = timeline.Flows.Count > 1 && packet.Flow >= 0 ? " " + Letter(packet.Flow) : "";
            string length = header.Len > 0 ? $", len {header.Len}" : "";
            string flags = header.Flags == 0 ? "" : ", " + Flags(header);
            html.Text(flow + length + flags);
        }

        if (packet.Chain is { } chain)
        {
            html.Element(Tag.Code, HtmlParts.Cut(chain, 200));
        }
    }

    private static void WriteSide(HtmlWriter html, SideCounters side, SideCounters peer)
    {
        if (!side.HasSpoken)
        {
            html.Empty(Tag.Td);
            html.Empty(Tag.Td);
            html.Element(Tag.Td, side.TxCnt == 0 ? "" : HtmlParts.Number(side.TxCnt));
        }
        else
        {
            html.Element(Tag.Td, HtmlParts.Number(side.BufAlloc));
            html.Element(Tag.Td, HtmlParts.Number(side.FwdCnt));
            html.Element(Tag.Td, HtmlParts.Number(side.TxCnt));
        }

        long? maySend = side.MaySend(peer);
        if (maySend < 0)
        {
            html.Element(Tag.Td, $"{-maySend} too many", Attr.Class("over"));
        }
        else
        {
            html.Element(Tag.Td, maySend is { } bytes ? HtmlParts.Number(bytes) : "");
        }
    }

    /// <summary>The names of the bits that the packet's kind knows.</summary>
    private static string Flags(in VsockHeader header)
    {
        string[] names = header.Op switch
        {
            Op.Shutdown => [.. Bits(header.Flags, (uint)ShutdownFlags.Receive, "no more receive"), .. Bits(header.Flags, (uint)ShutdownFlags.Send, "no more send")],
            Op.Rw when header.Type == SocketType.Seqpacket =>
                [.. Bits(header.Flags, (uint)SeqpacketFlags.EndOfMessage, "end of message"), .. Bits(header.Flags, (uint)SeqpacketFlags.EndOfRecord, "end of record")],
            _ => [],
        };
        bool allNamed = header.Flags <= 3 && names.Length > 0;
        return allNamed ? string.Join(", ", names) : $"flags 0x{header.Flags:x}";
    }

    private static IEnumerable<string> Bits(uint flags, uint bit, string name) => (flags & bit) != 0 ? [name] : [];

    private static string Letter(int flow) => flow < 26 ? ((char)('A' + flow)).ToString() : $"flow {flow + 1}";

    private static string Time(double? microseconds) => microseconds switch
    {
        null => "",
        < 10_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds:0} µs"),
        < 10_000_000 => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1000:0.0} ms"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{microseconds / 1e6:0.0} s"),
    };
}
