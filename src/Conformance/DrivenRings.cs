using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>What cases about a driver's rings do again and again: prove that data flows, look into rings, and do harm to them.</summary>
internal static class DrivenRings
{
    private const int EchoBytes = 3000;

    /// <summary>How long a driver may take to show that it goes on after what no device may do; the answer is recorded, so that time decides nothing.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(250);

    /// <summary>Bytes, or one message, each way on a fresh connection that the guest opens.</summary>
    /// <remarks>It stays open: a case that closes has to answer the SHUTDOWN too, or the guest waits for that longer than the case lasts.</remarks>
    public static void Echo(DriverContext c, SocketType type = SocketType.Stream)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c, type);
        GuestFlow.Echo(c, guest, flow);
    }

    /// <summary>Both directions of a connection that the device opens.</summary>
    public static void EchoFromDevice(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.OpenFromDevice(c);
        GuestFlow.Echo(c, guest, flow);
    }

    /// <summary>A flow to a guest port at which nobody listens: each REQUEST on it is answered with RST.</summary>
    public static Flow NewRefused(DriverContext c) => c.Device.NewFlow(c.NewHostPort(), c.NewGuestPort());

    /// <summary>Ends the case where a VMM stands between driver and device, which passes on only the features that it knows itself.</summary>
    public static void NeedEveryFeature(DriverContext c)
    {
        if (c.Device.Event is null)
        {
            DriverContext.NotApplicable("the guest's VMM passes on only the features that it knows, so what the driver makes of others cannot be seen");
        }
    }

    /// <summary>
    /// From here on the driver is asked for no kicks of its tx queue, all earlier ones have come, and what it queues stays there unseen: whoever wants kicks asks
    /// for them.
    /// </summary>
    public static ScriptedQueue QuietTx(DriverContext c)
    {
        ScriptedQueue tx = c.Device.Tx;
        tx.WantsKicks = false;
        tx.DisableKicks();
        c.Fence();
        return tx;
    }

    /// <summary>Ring entries that the device holds leave no room for one more chain like them.</summary>
    public static bool IsFull(IReadOnlyList<HeldChain> held, ScriptedQueue queue) =>
        held.Count > 0 && queue.Ring.Setup.Size - held.Sum(chain => chain.RingEntries) < held.Max(chain => chain.RingEntries);

    /// <summary>Takes every chain that is there now.</summary>
    public static HeldChain[] TakeAll(ScriptedQueue queue)
    {
        List<HeldChain> chains = [];
        while (queue.TryTake() is { } chain)
        {
            chains.Add(chain);
        }

        return [.. chains];
    }

    /// <summary>Tells the driver that a chain came back, whether it was out or not, and notifies it.</summary>
    /// <param name="id">Any number; a packed ring has room for 16 bits of it.</param>
    public static void ReturnId(this ScriptedQueue queue, uint id, uint length)
    {
        if (queue.Ring is SplitDeviceRing { Raw: var raw })
        {
            int slot = raw.UsedIdx & (raw.Size - 1);
            queue.Ring.Complete((ushort)id, 1, length);
            raw.SetUsed(slot, new UsedElement(id, length));
        }
        else
        {
            queue.Ring.Complete((ushort)id, 1, length);
        }

        queue.Ring.PublishUsed();
        queue.Call();
    }

    /// <summary>
    /// What is left of the driver after something that no device may do: its guest must go on, with calls that come back; whether the driver itself does is its own
    /// affair and is recorded.
    /// </summary>
    /// <param name="key">What is recorded, <c>driver.used_id_unknown</c>.</param>
    public static void Survives(DriverContext c, string key)
    {
        c.Await(c.Agent.Ping()).OrThrow("ping");
        TimeSpan patience = c.Timeline.Patience;
        c.Timeline.Patience = Glance;
        string outcome = "goes on";
        try
        {
            c.Fence();
        }
        catch (ExpectationException)
        {
            outcome = "gives up";
        }
        finally
        {
            c.Timeline.Patience = patience;
        }

        GuestSocket socket = GuestSocket.Create(c);
        socket.SetConnectTimeout(Glance);
        GuestResult connected = socket.Connect(c.NewHostPort());
        c.Record(key, $"{outcome}, connect: {connected}");
        socket.Close().OrThrow("close");
    }
}
