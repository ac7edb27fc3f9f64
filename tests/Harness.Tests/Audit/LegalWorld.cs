using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

/// <summary>
/// A legal device that is slow to process and slow to deliver, and a driver that does anything, legal or not. Both choose at random
/// among few addresses, so that connections collide. Tells an auditor what the driver's side sees.
/// </summary>
internal sealed class LegalWorld
{
    private const ulong GuestCid = 3;
    private const uint DeviceBuffer = 5000;
    private readonly Random random;
    private readonly bool driverIsLegal;
    private readonly Queue<byte[]> toDevice = new();
    private readonly Queue<byte[]> toDriver = new();
    private readonly Dictionary<(uint Guest, uint Host), DeviceEnd> device = [];
    private readonly Dictionary<(uint Guest, uint Host), DriverEnd> driver = [];
    private readonly RingBuffer[] chain = new RingBuffer[1];
    private uint nextChain;

    public LegalWorld(int seed, bool driverIsLegal)
    {
        random = new Random(seed);
        this.driverIsLegal = driverIsLegal;
    }

    public Auditor Auditor { get; } = new(GuestCid, VirtioFeatures.Version1 | VirtioFeatures.Stream | VirtioFeatures.Seqpacket);

    /// <summary>Changes the next packet that the device delivers; returns false to wait for a better one.</summary>
    public Func<byte[], bool>? Corrupt { get; set; }

    /// <summary>The device sends this much more than it may.</summary>
    public uint Overdraft { get; init; }

    public void Run(int steps)
    {
        for (int i = 0; i < steps; i++)
        {
            switch (random.Next(8))
            {
                case < 3:
                    DriverActs();
                    break;
                case < 5:
                    DeviceProcesses();
                    break;
                case 5:
                    DeviceActs();
                    break;
                case 6:
                    Deliver();
                    break;
                case 7 when random.Next(4) == 0:
                    Fence();
                    break;
            }
        }

        Fence();
        Auditor.EndOfSession();
    }

    public void Fence()
    {
        while (toDevice.Count > 0)
        {
            DeviceProcesses();
        }

        while (toDriver.Count > 0)
        {
            Deliver();
        }

        // What the driver owes for the packets it has just seen comes after the fence.
        Auditor.Fenced();
    }

    private (uint Guest, uint Host) AnyPorts() => ((uint)random.Next(2), (uint)random.Next(2));

    private void DriverActs()
    {
        (uint Guest, uint Host) ports = AnyPorts();
        if (!driverIsLegal && random.Next(10) == 0)
        {
            DriverMisbehaves(ports);
            return;
        }

        if (!driver.TryGetValue(ports, out DriverEnd? end))
        {
            if (random.Next(2) == 0)
            {
                driver[ports] = end = new DriverEnd { Type = (SocketType)random.Next(1, 3), BufAlloc = AnyBuffer() };
                SendFromDriver(ports, end, Op.Request);
            }

            return;
        }

        if (end.State == EndState.Asking)
        {
            return;
        }

        switch (random.Next(8))
        {
            case 0:
                end.FwdCnt += (uint)random.Next((int)(end.Received - end.FwdCnt) + 1);
                SendFromDriver(ports, end, Op.CreditUpdate);
                break;
            case 1:
                // A window may shrink below what is in flight.
                end.BufAlloc = AnyBuffer();
                SendFromDriver(ports, end, Op.CreditUpdate);
                break;
            case 2:
                SendFromDriver(ports, end, Op.CreditRequest);
                break;
            case 3:
                SendFromDriver(ports, end, Op.Shutdown, flags: (uint)random.Next(1, 4));
                break;
            case 4 when random.Next(3) == 0:
                SendFromDriver(ports, end, Op.Rst);
                _ = driver.Remove(ports);
                break;
            default:
                SendFromDriver(ports, end, Op.Rw, (uint)random.Next(50));
                break;
        }
    }

    private void DriverMisbehaves((uint Guest, uint Host) ports)
    {
        VsockHeader header = new()
        {
            SrcCid = random.Next(5) == 0 ? 9 : GuestCid,
            DstCid = random.Next(5) == 0 ? GuestCid : Cid.Host,
            SrcPort = ports.Guest,
            DstPort = ports.Host,
            Type = (SocketType)random.Next(0, 4),
            Op = (Op)random.Next(0, 10),
            Flags = (uint)random.Next(4),
            Len = (uint)random.Next(60),
            BufAlloc = AnyBuffer(),
            FwdCnt = (uint)random.Next(-10, 100),
        };
        byte[] packet = new byte[VsockHeader.Size + random.Next(60)];
        header.Write(packet);
        Post(packet);
    }

    private uint AnyBuffer() => (uint)random.Next(200);

    private void SendFromDriver((uint Guest, uint Host) ports, DriverEnd end, Op op, uint length = 0, uint flags = 0)
    {
        byte[] packet = new byte[VsockHeader.Size + length];
        new VsockHeader
        {
            SrcCid = GuestCid,
            DstCid = Cid.Host,
            SrcPort = ports.Guest,
            DstPort = ports.Host,
            Len = length,
            Type = end.Type,
            Op = op,
            Flags = flags,
            BufAlloc = end.BufAlloc,
            FwdCnt = end.FwdCnt,
        }.Write(packet);
        Post(packet);
    }

    private void Post(byte[] packet)
    {
        uint id = nextChain++ % 1024;
        chain[0] = RingBuffer.Readable(0, (uint)packet.Length);
        Auditor.Posted(VsockQueue.Tx, id, chain);
        Auditor.SentPacket(id, packet);
        Auditor.Published(VsockQueue.Tx);
        Auditor.Used(VsockQueue.Tx, new UsedChain(id, 0));
        toDevice.Enqueue(packet);
    }

    private void DeviceProcesses()
    {
        if (!toDevice.TryDequeue(out byte[]? packet))
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        if (header.SrcCid != GuestCid || header.DstCid != Cid.Host)
        {
            return;
        }

        (uint, uint) ports = (header.SrcPort, header.DstPort);
        bool known = device.TryGetValue(ports, out DeviceEnd? end);
        if (header.Op is < Op.Request or > Op.CreditRequest
            || header.Type is not (SocketType.Stream or SocketType.Seqpacket)
            || (known && header.Type != end!.Type)
            || header.Len > packet.Length - VsockHeader.Size)
        {
            // A packet of no flow.
            Reject(header);
            return;
        }

        if (!known)
        {
            if (header.Op == Op.Request && random.Next(4) != 0)
            {
                device[ports] = end = new DeviceEnd { Type = header.Type, IsOpen = true };
                end.Learn(header);
                SendFromDevice(ports, end, Op.Response);
            }
            else
            {
                Reject(header);
            }

            return;
        }

        end!.Learn(header);
        switch (header.Op)
        {
            case Op.Rst:
                _ = device.Remove(ports);
                break;
            case Op.Response when !end.IsOpen:
                end.IsOpen = true;
                break;
            case Op.Request or Op.Response:
            case Op.Rw or Op.CreditRequest or Op.Shutdown when !end.IsOpen:
                Close(ports, end);
                break;
            case Op.Rw:
                end.Received += header.Len;
                break;
            case Op.CreditRequest:
                SendFromDevice(ports, end, Op.CreditUpdate);
                break;
            case Op.Shutdown when (header.Flags & 3) == 3:
                Close(ports, end);
                break;
        }
    }

    private void Reject(in VsockHeader header)
    {
        if (header.Op == Op.Rst)
        {
            return;
        }

        byte[] packet = new byte[VsockHeader.Size];
        (header with
        {
            SrcCid = header.DstCid,
            DstCid = header.SrcCid,
            SrcPort = header.DstPort,
            DstPort = header.SrcPort,
            Op = Op.Rst,
            Len = 0,
            Flags = 0,
            BufAlloc = 0,
            FwdCnt = 0,
        }).Write(packet);
        toDriver.Enqueue(packet);
    }

    private void DeviceActs()
    {
        (uint Guest, uint Host) ports = AnyPorts();
        if (!device.TryGetValue(ports, out DeviceEnd? end))
        {
            if (random.Next(4) == 0)
            {
                device[ports] = end = new DeviceEnd { Type = (SocketType)random.Next(1, 3) };
                SendFromDevice(ports, end, Op.Request);
            }

            return;
        }

        if (!end.IsOpen)
        {
            return;
        }

        switch (random.Next(8))
        {
            case 0:
                SendFromDevice(ports, end, Op.CreditRequest);
                break;
            case 1:
                end.Forwarded += (uint)random.Next((int)(end.Received - end.Forwarded) + 1);
                SendFromDevice(ports, end, Op.CreditUpdate);
                break;
            case 2 when random.Next(4) == 0:
                end.SendsNoMore = true;
                SendFromDevice(ports, end, Op.Shutdown, flags: (uint)random.Next(2, 4));
                break;
            case 3 when random.Next(4) == 0:
                Close(ports, end);
                break;
            case > 3 when !end.SendsNoMore:
                uint length = (uint)random.Next((int)end.Free + 1) + Overdraft;
                end.Sent += length;
                SendFromDevice(ports, end, Op.Rw, length);
                break;
        }
    }

    private void Close((uint Guest, uint Host) ports, DeviceEnd end)
    {
        SendFromDevice(ports, end, Op.Rst);
        _ = device.Remove(ports);
    }

    private void SendFromDevice((uint Guest, uint Host) ports, DeviceEnd end, Op op, uint length = 0, uint flags = 0)
    {
        byte[] packet = new byte[VsockHeader.Size + length];
        new VsockHeader
        {
            SrcCid = Cid.Host,
            DstCid = GuestCid,
            SrcPort = ports.Host,
            DstPort = ports.Guest,
            Len = length,
            Type = end.Type,
            Op = op,
            Flags = flags,
            BufAlloc = DeviceBuffer,
            FwdCnt = end.Forwarded,
        }.Write(packet);
        toDriver.Enqueue(packet);
    }

    private void Deliver()
    {
        if (!toDriver.TryDequeue(out byte[]? packet))
        {
            return;
        }

        VsockHeader header = VsockHeader.Read(packet);
        if (Corrupt is not null && Corrupt(packet))
        {
            Corrupt = null;
        }

        uint id = nextChain++ % 1024;
        chain[0] = RingBuffer.Writable(0, 4096);
        Auditor.Posted(VsockQueue.Rx, id, chain);
        Auditor.Published(VsockQueue.Rx);
        Auditor.Used(VsockQueue.Rx, new UsedChain(id, (uint)packet.Length));
        Auditor.ReceivedPacket(id, packet);
        DriverTakes(header);
    }

    private void DriverTakes(in VsockHeader header)
    {
        (uint, uint) ports = (header.DstPort, header.SrcPort);
        bool known = driver.TryGetValue(ports, out DriverEnd? end) && end!.Type == header.Type;
        switch (header.Op)
        {
            case Op.Request when end is null:
                driver[ports] = end = new DriverEnd { Type = header.Type, State = EndState.Open, BufAlloc = AnyBuffer() };
                SendFromDriver(ports, end, Op.Response);
                break;
            case Op.Response when known:
                end!.State = EndState.Open;
                break;
            case Op.Rst when known:
                _ = driver.Remove(ports);
                break;
            case Op.Rw when known && end!.State == EndState.Open:
                end.Received += header.Len;
                break;
        }
    }

    private enum EndState
    {
        Asking,
        Open,
    }

    private sealed class DriverEnd
    {
        public SocketType Type { get; init; }

        public EndState State { get; set; }

        public uint BufAlloc { get; set; }

        public uint Received { get; set; }

        public uint FwdCnt { get; set; }
    }

    private sealed class DeviceEnd
    {
        private uint bufAlloc;
        private uint fwdCnt;

        public SocketType Type { get; init; }

        public bool IsOpen { get; set; }

        public bool SendsNoMore { get; set; }

        public uint Sent { get; set; }

        public uint Received { get; set; }

        public uint Forwarded { get; set; }

        public uint Free => Math.Min(Sent - fwdCnt >= bufAlloc ? 0 : bufAlloc - (Sent - fwdCnt), 4000);

        public void Learn(in VsockHeader header) => (bufAlloc, fwdCnt) = (header.BufAlloc, header.FwdCnt);
    }
}
