using System.Text;
using Vsockspec.Cases;
using Vsockspec.Interop;
using Vsockspec.Peers;

namespace Vsockspec.Conformance.Cases;

/// <summary>Abuse of the line that host applications begin with on hybrid Unix sockets, and what listening guests notice of it.</summary>
[Area("sockets", NeedsGuest = true)]
public static class HybridHandshakeCases
{
    [Case("VSC-1486", "B-16", Title = "Lines that are almost CONNECT to a listening guest port: whether they connect is recorded", Probe = true)]
    public static void Handshake_AlmostRight_IsRecorded(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        foreach ((string name, string line) in (ReadOnlySpan<(string, string)>)
        [
            ("lower_case", $"connect {port}\n"),
            ("crlf", $"CONNECT {port}\r\n"),
            ("two_spaces", $"CONNECT  {port}\n"),
            ("leading_zeros", $"CONNECT 000{port}\n"),
            ("plus_sign", $"CONNECT +{port}\n"),
            ("space_behind", $"CONNECT {port} \n"),
            ("cid_and_port", $"CONNECT {c.GuestCid} {port}\n"),
            ("hexadecimal", $"CONNECT 0x{port:x}\n"),
            ("port_of_64_bits", $"CONNECT {port + (1UL << 32)}\n"),
        ])
        {
            using HostConnection host = c.OpenHostControl();
            _ = host.TrySend(Encoding.ASCII.GetBytes(line), out _);
            c.Record($"hybrid.line.{name}", host.Settle() switch
            {
                HostOutcome.Established => "connected",
                HostOutcome.Refused => "closed",
                _ => "nothing",
            });
        }

        ExpectServed(c);
    }

    [Case("VSC-1487", "B-16", Title = "A line without an end, of a megabyte, is not taken in without end, and others are served", Probe = true)]
    public static void Handshake_EndlessLine_DoesNoHarm(CaseContext c)
    {
        using HostConnection host = c.OpenHostControl();
        byte[] piece = Encoding.ASCII.GetBytes("CONNECT " + new string('1', 32 * 1024));
        int taken = 0;
        int sent = 0;
        for (int i = 0; i < 32 && host.TrySend(piece, out sent); i++)
        {
            taken += sent;
        }

        c.Record("hybrid.endless_line", host.TryWaitForEnd() ? "closed" : "left open");
        ExpectServed(c);
    }

    [Case("VSC-1488", "VS-X-34", "B-16", Title = "A host application that closes before the answer to its CONNECT leaves no connection to the guest that lasts")]
    public static void Host_ClosesBeforeTheAnswer_GuestSeesTheEnd(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        for (int i = 0; i < 10; i++)
        {
            using (HostConnection host = c.OpenHostControl())
            {
                _ = host.TrySend(Encoding.ASCII.GetBytes($"CONNECT {port}\n"), out _);
            }

            // Whether the guest hears of it at all is a matter of who is first.
            HostConnection next = c.Host.Connect(port);
            GuestSocket guest = listener.Accept();
            _ = next.ExpectEstablished();
            next.Send("after"u8);
            PollEvents told = guest.Poll(PollEvents.Readable | PollEvents.PeerClosed);
            CaseContext.Require(told != PollEvents.None, "close-not-told", "the end of the connection, or data of the next one", "nothing");
            if (guest.Receive(10).Result is { Succeeded: true, Value: 5 })
            {
                continue;
            }

            GuestSocket second = listener.Accept();
            Exchange.Same(second.ReceiveExactly(5), "after"u8, "host to guest on the connection after it");
        }
    }

    [Case("VSC-1489", "VS-X-28", "VS-X-15", "B-16", Title = "A hundred host applications that say nothing do not keep others from connecting, nor when they go on at last")]
    public static void Handshake_ManySilent_OthersAreServed(CaseContext c)
    {
        const int Count = 100;
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        HostConnection[] silent = [.. Enumerable.Range(0, Count).Select(_ => c.OpenHostControl())];
        HostConnection talking = c.Host.Connect(port);
        GuestSocket first = listener.Accept();
        _ = talking.ExpectEstablished();
        GuestExchange.Echo(c, first, talking);

        // A device may have lost patience with some of them meanwhile.
        HostOutcome[] outcomes = [.. silent.Select(host =>
        {
            _ = host.TrySend(Encoding.ASCII.GetBytes($"CONNECT {port}\n"), out int _);
            return host.Settle();
        })];
        CaseContext.Require(!outcomes.Contains(HostOutcome.UnderWay), "connect-undecided", "each connection is established or closed", "one is neither");
        c.Record("hybrid.late_lines.connected", outcomes.Count(outcome => outcome == HostOutcome.Established));
        foreach ((HostConnection host, HostOutcome outcome) in silent.Zip(outcomes))
        {
            if (outcome == HostOutcome.Established)
            {
                GuestExchange.Echo(c, listener.Accept(), host);
            }
        }

        HostConnection last = c.Host.Connect(port);
        GuestSocket accepted = listener.Accept();
        _ = last.ExpectEstablished();
        GuestExchange.Echo(c, accepted, last);
    }

    [Case("VSC-1490", "B-16", Title = "Data in one write with the CONNECT line reaches the guest, or the connection ends: which is recorded", Probe = true)]
    public static void Handshake_DataBehindTheLine_IsRecorded(CaseContext c)
    {
        GuestSocket listener = GuestSocket.Create(c);
        uint port = listener.Listen();
        using HostConnection host = c.OpenHostControl();
        _ = host.TrySend(Encoding.ASCII.GetBytes($"CONNECT {port}\nearly"), out _);
        HostOutcome outcome = host.Settle();
        string became = outcome.ToString();
        if (outcome == HostOutcome.Established)
        {
            GuestSocket guest = listener.Accept();
            host.Send("late"u8);
            byte[] data = guest.Poll(PollEvents.Readable) == PollEvents.None ? [] : guest.Receive(100, GuestMessage.DontWait).Data;
            became = Encoding.ASCII.GetString(data).StartsWith("early", StringComparison.Ordinal) ? "delivered" : "lost";
        }

        c.Record("hybrid.data_behind_line", became);
        ExpectServed(c);
    }

    private static void ExpectServed(CaseContext c)
    {
        (GuestSocket guest, HostConnection host) = GuestSocket.OpenFromHost(c);
        GuestExchange.Echo(c, guest, host);
    }
}
