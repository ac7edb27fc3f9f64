using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Cases;

/// <summary>What a driver does when one ring is neglected (virtio 1.4 section 5.10.6.1), and when much comes at once.</summary>
[Area("driver-flow-control")]
public static class DriverFlowControlCases
{
    /// <summary>No number is given for what a driver may keep outside its rings; one that takes more than this is taken to have no bound.</summary>
    private const int Enormous = 20_000;

    /// <summary>How long a driver that has gone on may take to post buffers again before it counts as stopped.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    /// <summary>As <see cref="Pause"/>, where the verdict depends on whether it has stopped and not on whether it went on.</summary>
    private static readonly TimeSpan LongPause = TimeSpan.FromSeconds(1);

    [Case(
        "VSC-2320",
        "VS-FLOW-DRV-1",
        "VS-X-14",
        Title = "With its tx ring full the driver goes on taking packets that it has to answer, up to some bound; every answer comes once the ring is served",
        Vary = Vary.Rings)]
    public static void TxFull_RequestsToNobody_AreTakenAndAnsweredLater(DriverContext c)
    {
        (Task<GuestTransfer> sending, Flow flow, ulong seed) = FillTx(c);
        List<Flow> asked = [];
        int recycled = Flood(c, () =>
        {
            Flow refused = DrivenRings.NewRefused(c);
            asked.Add(refused);
            refused.Send(Op.Request);
        });
        c.Record("driver.packets_taken_with_tx_full", recycled >= Enormous ? $"more than {Enormous}" : $"{asked.Count}");
        DriverContext.Require(recycled > 0, "rx-stopped-with-tx", "at least one rx buffer posted again while the tx ring is full", "none");
        c.Discourage(recycled >= Enormous, "takes-without-end", $"the driver stops at some bound below {Enormous} packets", "it did not");
        Release(c);
        DriverContext.Require(
            c.Eventually(() => asked.TrueForAll(f => f.Log.Count > 0)),
            "answers-lost",
            $"{asked.Count} times RST once the tx ring is served",
            $"{asked.Count(f => f.Log.Count > 0)}");
        Flow? wrong = asked.Find(f => f.Log.Count != 1 || f.Log[0].Op != Op.Rst);
        DriverContext.Require(wrong is null, "wrong-answers", "one RST to each REQUEST", wrong is null ? "" : string.Join(", ", wrong.Log));
        Finish(c, sending, flow, seed);
    }

    [Case("VSC-2321", "VS-FLOW-DRV-1", "VS-X-24", Title = "With its tx ring full the driver goes on taking CREDIT_REQUESTs, and answers once the ring is served", Vary = Vary.Layouts)]
    public static void TxFull_CreditRequests_AreTakenAndAnsweredLater(DriverContext c)
    {
        const int Enough = 500;
        (_, Flow asked) = DrivenSocket.Open(c);
        (Task<GuestTransfer> sending, Flow flow, ulong seed) = FillTx(c);
        int recycled = Flood(c, () => asked.Send(Op.CreditRequest), Enough);
        DriverContext.Require(recycled > 0, "rx-stopped-with-tx", "at least one rx buffer posted again while the tx ring is full", "none");
        Release(c);
        _ = asked.Expect("no-credit-update", Op.CreditUpdate);
        Finish(c, sending, flow, seed);
    }

    [Case("VSC-2322", "VS-X-14", Title = "A device that asks for credit without end and serves no tx ring cannot make the driver queue answers without end", Slow = true)]
    public static void TxFull_CreditRequestsWithoutEnd_AreHeldBack(DriverContext c)
    {
        (_, Flow asked) = DrivenSocket.Open(c);
        (Task<GuestTransfer> sending, Flow flow, ulong seed) = FillTx(c);
        GuestCounters before = c.Await(c.Agent.Counters());
        int recycled = Flood(c, () => asked.Send(Op.CreditRequest), pause: LongPause);
        GuestCounters after = c.Await(c.Agent.Counters());
        c.Record("driver.credit_requests_taken_with_tx_full", recycled >= Enormous ? $"more than {Enormous}" : $"{recycled}");
        c.Record("driver.credit_requests_taken_with_tx_full.slab_kib", after.SlabKiB - before.SlabKiB);
        c.Discourage(
            recycled >= Enormous,
            "takes-without-end",
            $"the driver stops taking packets at some bound below {Enormous}",
            $"it did not; its kernel's objects grew by {after.SlabKiB - before.SlabKiB} KiB");
        Release(c);
        _ = asked.Expect("no-credit-update", Op.CreditUpdate);
        Finish(c, sending, flow, seed);
    }

    [Case("VSC-2323", "VS-X-17", Title = "Bursts that use up all rx buffers at once arrive whole, and buffers are posted again after each", Vary = Vary.Rings)]
    public static void RxBuffers_AllUsedAtOnce_ArePostedAgain(DriverContext c)
    {
        const int Bursts = 12;
        const int Piece = 64;
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        ScriptedQueue rx = c.Device.Rx;
        for (int burst = 0; burst < Bursts; burst++)
        {
            DriverContext.Require(c.Eventually(() => rx.HasAvailable), "no-buffers", "rx buffers after a burst", $"none after {burst} bursts");
            rx.HoldsBack = true;
            List<byte> sent = [];
            while (rx.HasAvailable && sent.Count < flow.BufAlloc / 2)
            {
                byte[] piece = c.RandomBytes(Piece);
                sent.AddRange(piece);
                flow.Send(Op.Rw, piece);
            }

            rx.HoldsBack = false;
            rx.Publish();
            Exchange.Same(guest.ReceiveExactly(sent.Count), [.. sent], "device to guest");
        }
    }

    [Case(
        "VSC-2324",
        "VS-X-17",
        "VS-X-19",
        Title = "Hundreds of packets that the application does not read keep nobody else from receiving, and are all there when it does",
        Vary = Vary.Layouts,
        Regressions = ["KB-D19"])]
    public static void UnreadPackets_MoreThanTheRing_StopNobody(DriverContext c)
    {
        (GuestSocket lazy, Flow full) = DrivenSocket.Open(c);
        byte[] data = c.RandomBytes((4 * c.Device.Rx.Ring.Setup.Size) + 1);
        foreach (byte one in data)
        {
            full.Send(Op.Rw, [one]);
        }

        DrivenRings.Echo(c);
        Exchange.Same(lazy.ReceiveExactly(data.Length), data, "device to guest");
        GuestFlow.Echo(c, lazy, full);
    }

    [Case("VSC-2325", "VS-X-14", "VS-X-17", Title = "A send that waits for room in the tx ring goes on when the ring is served in one go", Vary = Vary.Rings)]
    public static void TxFull_FreedAtOnce_SendersGoOn(DriverContext c)
    {
        for (int i = 0; i < 3; i++)
        {
            (Task<GuestTransfer> sending, Flow flow, ulong seed) = FillTx(c);
            Release(c);
            Finish(c, sending, flow, seed);
        }
    }

    [Case("VSC-2326", "VS-X-29", "B-17", Title = "REQUESTs in the very first rx buffers, which a driver may find before it is ready, are answered like later ones", Regressions = ["KB-D11"])]
    [Offer(DeviceSetup.Usual, SendsEarly = true)]
    public static void FirstBuffers_FilledAtOnce_AreNotLost(DriverContext c)
    {
        IReadOnlyList<Flow> early = c.Device.Early;
        DriverContext.Require(early.Count > 0, "no-buffers", "rx buffers when the driver starts", "none");
        int answered = 0;
        bool all = c.Eventually(() =>
        {
            answered = early.Count(f => f.Log.Any(p => p.Op == Op.Rst) || c.Device.Strays.Any(p => p.Op == Op.Rst && p.Header.SrcPort == f.Id.GuestPort));
            return answered == early.Count;
        });
        DriverContext.Require(all, "early-packets-lost", $"{early.Count} times RST", $"{answered}");
        DrivenRings.Echo(c);
    }

    /// <summary>A connection on which the guest sends more than its tx ring holds, to a device that takes everything and returns nothing.</summary>
    private static (Task<GuestTransfer> Sending, Flow Flow, ulong Seed) FillTx(DriverContext c)
    {
        (GuestSocket guest, Flow flow) = DrivenSocket.Open(c);
        c.Device.ReturnsTx = false;
        ulong seed = (ulong)c.Random.NextInt64();
        Task<GuestTransfer> sending = guest.BulkSend(seed, (ulong)Total(c), Chunk(c));
        bool isFull = false;
        _ = c.Eventually(() => (isFull = DrivenRings.IsFull(c.Device.HeldTx, c.Device.Tx)) || sending.IsCompleted);
        if (!isFull)
        {
            DriverContext.NotApplicable($"the driver does not fill its tx ring of {c.Device.Tx.Ring.Setup.Size} with {Packets(c)} packets");
        }

        return (sending, flow, seed);
    }

    /// <summary>Uses all rx buffers that are there, and then each that the driver posts again, until it stops or has taken enough; how many it posted again.</summary>
    /// <param name="pause">Null: <see cref="Pause"/>.</param>
    private static int Flood(DriverContext c, Action send, int most = Enormous, TimeSpan? pause = null)
    {
        ScriptedQueue rx = c.Device.Rx;
        HeldChain[] stock = DrivenRings.TakeAll(rx);
        c.Device.FillFirst(stock);
        for (int i = 0; i < stock.Length; i++)
        {
            send();
        }

        int recycled = 0;
        while (recycled < most && c.Timeline.WaitUntil(recycled == 0 ? c.Timeline.Patience : pause ?? Pause, () => rx.HasAvailable))
        {
            send();
            recycled++;
        }

        return recycled;
    }

    private static void Release(DriverContext c)
    {
        c.Device.ReturnHeldTx();
        c.Device.ReturnsTx = true;
    }

    private static void Finish(DriverContext c, Task<GuestTransfer> sending, Flow flow, ulong seed)
    {
        Exchange.Same(flow.Read(Total(c)), GuestSocket.Seeded(seed, Total(c)), "guest to device");
        GuestResult sent = c.Await(sending).Result;
        DriverContext.Require(sent.Value == Total(c), "guest-cannot-send", $"{Total(c)} bytes taken from the guest's application", sent.ToString());
        c.Fence();
    }

    /// <summary>More sends than the tx ring has entries, even where each takes two of them.</summary>
    private static int Packets(DriverContext c) => (2 * c.Device.Tx.Ring.Setup.Size) + 16;

    /// <summary>Bytes of one send, so that all together are within the usual window: whether there is credit is not the question here.</summary>
    private static int Chunk(DriverContext c) => Math.Clamp(200_000 / Packets(c), 1, 1000);

    private static int Total(DriverContext c) => Packets(c) * Chunk(c);
}
