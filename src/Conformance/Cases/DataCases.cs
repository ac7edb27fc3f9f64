using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>Stream data: ordered, guaranteed, without boundaries (virtio 1.4 section 5.10.6.2).</summary>
[Area("data")]
public static class DataCases
{
    [Case(
        "VSC-0501",
        "VS-X-17",
        Title = "Bytes from the guest arrive whole and in order, whatever the packet sizes",
        Vary = Vary.Rings,
        Regressions = ["KB-A9"])]
    public static void GuestToHost_RandomSizes_ArrivesWhole(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(300_000);
        int read = 0;
        for (int at = 0; at < data.Length;)
        {
            int n = Math.Min(data.Length - at, c.Random.Next(1, 20_000));

            // Without credit for the next piece the application reads everything, so that credit must come.
            int take = flow.PeerFree < n ? at - read : c.Random.Next(at - read + 1);
            Exchange.Same(host.ReceiveExactly(take), data.AsSpan(read, take), "guest to host");
            read += take;
            flow.Write(data.AsSpan(at, n), 65_536);
            at += n;
        }

        Exchange.Same(host.ReceiveExactly(data.Length - read), data.AsSpan(read), "guest to host");
    }

    [Case(
        "VSC-0502",
        "VS-X-17",
        Title = "Bytes from the host arrive whole and in order, whatever the write sizes",
        Vary = Vary.Rings,
        Regressions = ["KB-E7"])]
    public static void HostToGuest_RandomSizes_ArrivesWhole(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open(bufAlloc: 64 * 1024);
        byte[] data = c.RandomBytes(300_000);
        int read = 0;
        for (int at = 0; at < data.Length;)
        {
            int n = Math.Min(data.Length - at, c.Random.Next(1, 20_000));
            host.Send(data.AsSpan(at, n));
            at += n;
            int take = c.Random.Next(at - read + 1);
            Exchange.Same(flow.Read(take), data.AsSpan(read, take), "host to guest");
            read += take;
        }

        Exchange.Same(flow.Read(data.Length - read), data.AsSpan(read), "host to guest");
    }

    [Case(
        "VSC-0503",
        "VS-X-17",
        "B-43",
        "B-44",
        Title = "Data is cut to the rx buffers that there are, of any size",
        Vary = Vary.Layouts,
        Regressions = ["KB-D4"])]
    public static void HostToGuest_SmallBuffers_ArrivesWhole(CaseContext c)
    {
        foreach (uint size in (ReadOnlySpan<uint>)[VsockHeader.Size + 1, VsockHeader.Size + 100, 70_000])
        {
            c.Start(o => o with { RxBufferSize = size, QueueSize = 64 });
            (Flow flow, HostConnection host) = c.Open();
            byte[] data = c.RandomBytes(size == VsockHeader.Size + 1 ? 300 : 50_000);
            host.Send(data);
            Exchange.Same(flow.Read(data.Length), data, $"host to guest in buffers of {size} bytes");
            c.Stop();
        }
    }

    [Case("VSC-0504", "VS-X-17", Title = "Both directions at once carry every byte", Vary = Vary.Rings, Regressions = ["KB-E7"])]
    public static void BothDirections_AtOnce_ArriveWhole(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        const int Rounds = 20;
        const int Piece = 10_000;
        for (int i = 0; i < Rounds; i++)
        {
            byte[] up = c.RandomBytes(Piece);
            byte[] down = c.RandomBytes(Piece);
            flow.Write(up);
            host.Send(down);
            Exchange.Same(flow.Read(Piece), down, "host to guest");
            Exchange.Same(host.ReceiveExactly(Piece), up, "guest to host");
        }
    }

    [Case(
        "VSC-0505",
        "VS-X-17",
        "VS-X-34",
        Title = "Data sent right before the guest closes arrives before the end",
        Vary = Vary.Layouts,
        Regressions = ["KB-C9"])]
    public static void GuestSendsAndCloses_AllDataThenEnd(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(100_000);
        flow.Write(data);
        flow.SendShutdown(ShutdownFlags.Both);
        Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host before the close");
        host.ExpectClosed("no-eof", "the end of the connection after all data");
    }

    [Case("VSC-0506", "VS-X-17", "VS-X-34", Title = "Data written right before the host closes arrives before the end", Vary = Vary.Layouts)]
    public static void HostSendsAndCloses_AllDataThenShutdown(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        byte[] data = c.RandomBytes(100_000);
        host.Send(data);
        host.Close();
        Exchange.Same(flow.Read(data.Length), data, "host to guest before the close");
        flow.Expect("no-shutdown", Op.Shutdown, Op.Rst);
    }

    [Case("VSC-0507", "VS-X-15", "VS-X-17", Title = "Many flows at once each carry their own bytes", Vary = Vary.Layouts)]
    public static void ManyFlows_AtOnce_EachItsOwnBytes(CaseContext c)
    {
        const int Flows = 100;
        List<(Flow Flow, HostConnection Host, byte[] Data)> all = [];
        for (int i = 0; i < Flows; i++)
        {
            (Flow flow, HostConnection host) = c.Open();
            all.Add((flow, host, c.RandomBytes(1000)));
        }

        foreach ((Flow flow, HostConnection host, byte[] data) in all)
        {
            flow.Write(data);
            host.Send(data.AsSpan(500));
        }

        foreach ((Flow flow, HostConnection host, byte[] data) in all)
        {
            Exchange.Same(host.ReceiveExactly(1000), data, $"guest to host on {flow.Id}");
            Exchange.Same(flow.Read(500), data.AsSpan(500), $"host to guest on {flow.Id}");
        }
    }

    // The bytes may arrive in the same read as the line.
    [Case("VSC-0508", "VS-X-17", "B-16", Title = "Bytes that follow the host's CONNECT line at once are not lost")]
    public static void HostConnect_DataBehindTheLine_IsDelivered(CaseContext c)
    {
        uint port = c.Driver.NewGuestPort();
        using HostConnection host = c.OpenHostControl();
        byte[] data = c.RandomBytes(200);
        host.Send([.. System.Text.Encoding.ASCII.GetBytes($"CONNECT {port}\n"), .. data]);
        Flow flow = c.Driver.ExpectRequest(port);
        flow.Send(Op.Response);
        _ = host.ExpectEstablished();
        Exchange.Same(flow.Read(200), data, "host to guest behind the handshake line");
    }

    [Case(
        "VSC-0509",
        "VS-X-17",
        "VS-X-26",
        Title = "Data cut into many descriptors in a busy ring arrives whole",
        Vary = Vary.Layouts,
        Regressions = ["KB-B17", "KB-D2"])]
    public static void GuestToHost_ManyDescriptors_ArrivesWhole(CaseContext c)
    {
        c.Start(o => o with { QueueSize = 64 });
        (Flow flow, HostConnection host) = c.Open();
        for (int i = 0; i < 60; i++)
        {
            c.Driver.Tx.Shape = ChainShape.HeaderThenPieces(c.Random.Next(200, 5000));
            byte[] data = c.RandomBytes(c.Random.Next(1, 9000));
            flow.Write(data);
            Exchange.Same(host.ReceiveExactly(data.Length), data, "guest to host in many descriptors");
        }

        c.Driver.Tx.Shape = ChainShape.OneBuffer;
    }

    [Case("VSC-0510", "B-28", "B-26", Title = "A host application that closes with unread data ends the flow")]
    public static void HostCloses_WithUnreadData_FlowEnds(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        flow.Write(c.RandomBytes(50_000));
        c.Fence();
        host.Close();
        flow.Send(Op.Rw, c.RandomBytes(10));
        Packet end = flow.Expect("flow-lives-on", Op.Shutdown, Op.Rst);
        c.Record("close.with_unread_data", Names.Of(end.Op));
    }

    [Case("VSC-0511", "VS-X-17", Title = "When the host application has gone and data is lost, the guest is told by RST or SHUTDOWN")]
    public static void GuestSends_AfterHostClosed_IsTold(CaseContext c)
    {
        (Flow flow, HostConnection host) = c.Open();
        host.Close();
        Packet end = flow.Expect("no-shutdown", Op.Shutdown, Op.Rst);
        flow.Send(Op.Rw, c.RandomBytes(100));
        flow.Send(Op.Rw, c.RandomBytes(100));
        bool told = end.Op == Op.Rst || ((ShutdownFlags)end.Header.Flags).HasFlag(ShutdownFlags.Receive);
        c.Fence();
        if (!told)
        {
            flow.Expect("data-lost-silently", Op.Rst);
        }
    }

    [Case(
        "VSC-0512",
        "VS-X-17",
        Title = "A window that is filled, read in part and filled again, in packets of one and of many descriptors, keeps every byte in its place",
        Vary = Vary.Layouts,
        Regressions = ["KB-B16", "KB-B17"])]
    public static void Window_FilledAgainAndAgain_KeepsTheOrder(CaseContext c)
    {
        const int Laps = 12;
        const int MostUnread = 1 << 20;
        (Flow flow, HostConnection host) = c.Open();
        c.Canary.Open();
        Queue<byte> unread = new();
        for (int lap = 0; lap < Laps; lap++)
        {
            c.Driver.Tx.Shape = lap % 2 == 0 ? ChainShape.HeaderThenPieces(c.Random.Next(400, 3000)) : ChainShape.OneBuffer;
            while (flow.PeerFree > 0 && unread.Count < MostUnread)
            {
                byte[] piece = c.RandomBytes((int)Math.Min(flow.PeerFree, (uint)c.Random.Next(1, 8000)));
                flow.Send(Op.Rw, piece);
                Array.ForEach(piece, unread.Enqueue);
                if (flow.PeerFree == 0)
                {
                    c.Fence();
                }
            }

            Read(lap == Laps - 1 ? unread.Count : c.Random.Next(unread.Count));
            c.Fence();
        }

        c.Driver.Tx.Shape = ChainShape.OneBuffer;

        void Read(int count)
        {
            byte[] expected = new byte[count];
            for (int i = 0; i < count; i++)
            {
                expected[i] = unread.Dequeue();
            }

            Exchange.Same(host.ReceiveExactly(count), expected, "guest to host through a window that is filled again and again");
        }
    }
}
