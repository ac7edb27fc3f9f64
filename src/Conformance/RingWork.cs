using System.Diagnostics;
using Vsockspec.Cases;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>What cases about rings do again and again: look at ring memory, wait for it, and do harm to it.</summary>
internal static class RingWork
{
    /// <summary>The tx ring's memory of a session with split rings.</summary>
    public static SplitRingMemory SplitTx(this RawDriver driver) => ((SplitDriverRing)driver.Tx.Ring).Raw;

    /// <summary>The rx ring's memory of a session with split rings.</summary>
    public static SplitRingMemory SplitRx(this RawDriver driver) => ((SplitDriverRing)driver.Rx.Ring).Raw;

    /// <summary>The tx ring's memory of a session with packed rings.</summary>
    public static PackedRingMemory PackedTx(this RawDriver driver) => ((PackedDriverRing)driver.Tx.Ring).Raw;

    /// <summary>
    /// Looks at memory until it is as wanted. For times when the driver does not harvest and wants no notification, so that nothing else
    /// wakes it.
    /// </summary>
    public static bool Watch(this CaseContext c, Func<bool> condition)
    {
        long start = Stopwatch.GetTimestamp();
        while (!condition())
        {
            if (Stopwatch.GetElapsedTime(start) > c.Timeline.Patience)
            {
                return false;
            }

            _ = Thread.Yield();
        }

        return true;
    }

    /// <summary>Fails unless every tx chain comes back.</summary>
    public static void ExpectAllReturned(this CaseContext c)
    {
        TxQueue tx = c.Driver.Tx;
        CaseContext.Require(
            c.Eventually(() => tx.Outstanding == 0),
            "tx-chain-not-returned",
            "every tx chain is returned",
            $"{tx.Outstanding} chains are out");
    }

    /// <summary>Posts no more rx buffers by itself and lets the device use up those it has.</summary>
    public static void ExhaustBuffers(this RawDriver driver, Flow flow, HostConnection host)
    {
        driver.Rx.Target = 0;
        while (driver.Rx.Posted > 0)
        {
            host.Send([1]);
            _ = flow.Read(1);
        }
    }

    /// <summary>Keeps rx buffers posted again.</summary>
    public static void PostBuffersAgain(this RawDriver driver, int count = int.MaxValue)
    {
        driver.Rx.Target = count;
        driver.Rx.Refill();
    }

    /// <summary>Makes a descriptor of the split tx ring available as the head of a chain, behind the driver's back.</summary>
    public static void ExposeHead(this RawDriver driver, ushort head)
    {
        SplitRingMemory ring = driver.SplitTx();
        ring.SetAvailable(ring.AvailIdx & (ring.Size - 1), head);
        ring.AvailIdx++;
    }

    /// <summary>
    /// Does something to the tx ring that no driver may do, and records what the device makes of it. It must go on answering on its control
    /// connection, or close it, and must serve the next session.
    /// </summary>
    /// <param name="key">What is recorded, <c>ring.loop_to_itself</c>.</param>
    public static void Survives(this CaseContext c, string key, Action<RawDriver> harm, Func<SessionOptions, SessionOptions>? change = null)
    {
        RawDriver driver = c.Start(change);
        c.Fence();
        c.ExpectAllReturned();
        c.Taint(VsockQueue.Tx);
        driver.MindsClosing = false;
        driver.Harvests = false;
        harm(driver);
        driver.Tx.Kick();
        string outcome;
        try
        {
            driver.Device.Settle();
            outcome = driver.Tx.Ring.HasUsed ? "returned" : "kept";
        }
        catch (TransportException e) when (e.Fault == TransportFault.Closed)
        {
            outcome = "closed";
        }

        c.Record(key, driver.ErrTx.Drain() > 0 ? outcome + ", error signalled" : outcome);
        c.Stop();
        c.Fence();
        c.Stop();
    }
}
