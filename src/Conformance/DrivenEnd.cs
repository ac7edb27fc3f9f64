using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>How connections between an application in the guest whose driver is judged and the scripted device end.</summary>
internal static class DrivenEnd
{
    private const int Bytes = 300;

    /// <summary>Fresh connections work, opened by either side: whatever the case did to others before, the driver has come through it.</summary>
    public static void EchoOnFresh(DriverContext c)
    {
        foreach ((GuestSocket guest, Flow flow) in (ReadOnlySpan<(GuestSocket, Flow)>)[DrivenSocket.Open(c), DrivenSocket.OpenFromDevice(c)])
        {
            GuestFlow.Echo(c, guest, flow);
            guest.Close().OrThrow("close");
            _ = AnswerClose(flow);
        }
    }

    /// <summary>Connections of every type that the driver serves, opened by either side, each with its name.</summary>
    public static List<(string Name, GuestSocket Guest, Flow Flow)> OpenEvery(DriverContext c, uint? bufAlloc = null)
    {
        List<(string, GuestSocket, Flow)> all = [];
        foreach (SocketType type in (ReadOnlySpan<SocketType>)[SocketType.Stream, SocketType.Seqpacket])
        {
            if (type == SocketType.Stream || c.Accepted.HasFlag(VirtioFeatures.Seqpacket))
            {
                (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, type, bufAlloc);
                all.Add(($"{Names.Of(type)} of the guest", guest, flow));
                (guest, flow) = DrivenSocket.OpenFromDevice(c, type, bufAlloc);
                all.Add(($"{Names.Of(type)} of the device", guest, flow));
            }
        }

        return all;
    }

    /// <summary>SHUTDOWN packets come until they say exactly so much.</summary>
    public static void ExpectShutdown(Flow flow, ShutdownFlags wanted)
    {
        ShutdownFlags told = ShutdownFlags.None;
        while (told != wanted)
        {
            Packet packet = flow.Expect("no-shutdown", Op.Shutdown);
            told |= (ShutdownFlags)packet.Header.Flags;
            DriverContext.Require((told & ~wanted) == 0, "shutdown-says-more", $"SHUTDOWN with flags that come to {(uint)wanted} (masks)", packet.ToString());
        }
    }

    /// <summary>Answers the close of an application as a peer does that has nothing left to do; false when the driver ended the flow with RST.</summary>
    public static bool AnswerClose(Flow flow)
    {
        ShutdownFlags told = ShutdownFlags.None;
        while (told != ShutdownFlags.Both)
        {
            // Data that was on its way may come first.
            Packet packet = flow.Expect("no-shutdown", Op.Shutdown, Op.Rst, Op.Rw);
            if (packet.Op == Op.Rst)
            {
                return false;
            }

            told |= packet.Op == Op.Shutdown ? (ShutdownFlags)packet.Header.Flags & ShutdownFlags.Both : ShutdownFlags.None;
        }

        flow.Reset();
        return true;
    }

    /// <summary>Sends a REQUEST and says whether it was accepted, and not refused with RST.</summary>
    public static bool TryConnect(Flow flow)
    {
        flow.Send(Op.Request);
        return flow.Expect("no-answer", Op.Response, Op.Rst).Op == Op.Response;
    }

    /// <summary>The operations that came since so many packets of the flow, credit packets left out.</summary>
    public static List<Op> Since(Flow flow, int packets) =>
        [.. flow.Log.Skip(packets).Select(p => p.Op).Where(op => op is not (Op.CreditUpdate or Op.CreditRequest))];

    /// <summary>As a record is to read it.</summary>
    public static string Told(IReadOnlyCollection<Op> operations) => operations.Count == 0 ? "nothing" : string.Join(", ", operations.Select(Names.Of));

    /// <summary>Nothing of a connection that is over reaches the guest's application any more.</summary>
    public static void ExpectNoData(GuestSocket guest, string after)
    {
        GuestReceived received = guest.Receive(64, GuestMessage.DontWait);
        DriverContext.Require(received.Result.Value <= 0, "data-after-end", $"no data at the guest's application after {after}", $"{received.Result} bytes");
    }

    /// <summary>A receive call that goes on while the case does.</summary>
    public static Task<GuestReceived> BeginReceive(DriverContext c, GuestSocket guest, int length = 100) =>
        c.Agent.Receive(guest.Fd, [length], 0, isVector: false, Limit(c));

    /// <summary>A poll call without a time that goes on while the case does.</summary>
    public static Task<GuestReadiness> BeginPoll(DriverContext c, GuestSocket guest, Interop.PollEvents interest) =>
        c.Agent.Poll([(guest.Fd, interest)], -1, Limit(c));

    /// <summary>Far longer than what the driver may take.</summary>
    public static CallLimit Limit(DriverContext c) => new(4 * c.Timeline.Patience);
}
