using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>The guest's end of one flow: fills headers, keeps its counters honest, decides nothing.</summary>
internal sealed class GuestFlow(Guest guest, uint guestPort, uint hostPort, SocketType type = SocketType.Stream)
{
    public uint GuestPort => guestPort;

    public uint HostPort => hostPort;

    public uint BufAlloc { get; set; } = 256 * 1024;

    public uint FwdCnt { get; set; }

    /// <summary>Payload bytes sent to the device.</summary>
    public uint Sent { get; private set; }

    /// <summary>Credit as the device last told it.</summary>
    public uint PeerBufAlloc { get; private set; }

    public uint PeerFwdCnt { get; private set; }

    public uint Free => PeerBufAlloc - (Sent - PeerFwdCnt);

    public VsockHeader Header(Op op, uint length = 0, uint flags = 0) => new()
    {
        SrcCid = guest.Cid,
        DstCid = Cid.Host,
        SrcPort = guestPort,
        DstPort = hostPort,
        Len = length,
        Type = type,
        Op = op,
        Flags = flags,
        BufAlloc = BufAlloc,
        FwdCnt = FwdCnt,
    };

    public void Send(Op op, uint flags = 0) => guest.Send(Header(op, 0, flags));

    public void SendData(ReadOnlySpan<byte> payload, uint flags = 0, ChainShape? shape = null)
    {
        guest.Send(Header(Op.Rw, (uint)payload.Length, flags), payload, shape);
        Sent += (uint)payload.Length;
    }

    /// <summary>Sends within the window, waiting for credit.</summary>
    public void Stream(ReadOnlySpan<byte> payload, int piece)
    {
        while (!payload.IsEmpty)
        {
            while (Free == 0)
            {
                Learn(guest.Next());
            }

            int count = (int)Math.Min(Math.Min((uint)piece, (uint)payload.Length), Free);
            SendData(payload[..count]);
            payload = payload[count..];
            while (guest.TryNext() is { } packet)
            {
                Learn(packet);
            }
        }
    }

    public GuestPacket Expect(Op op)
    {
        GuestPacket packet = guest.Expect(op);
        Learn(packet);
        return packet;
    }

    /// <summary>The next packet that is no unasked CREDIT_UPDATE; those may come between any two packets.</summary>
    public GuestPacket ExpectAfterUpdates(Op op)
    {
        GuestPacket packet = guest.Next();
        while (packet.Header.Op == Op.CreditUpdate)
        {
            Learn(packet);
            packet = guest.Next();
        }

        Assert.That(packet.Header.Op, Is.EqualTo(op), packet.ToString());
        Learn(packet);
        return packet;
    }

    /// <summary>Receives so many payload bytes, consuming each at once and telling so when half of the window is gone.</summary>
    public byte[] Receive(int count)
    {
        MemoryStream data = new();
        uint told = FwdCnt;
        while (data.Length < count)
        {
            GuestPacket packet = guest.Next();
            Learn(packet);
            Assert.That(packet.Header.Op, Is.AnyOf(Op.Rw, Op.CreditUpdate, Op.CreditRequest), packet.ToString());
            data.Write(packet.Payload);
            FwdCnt += (uint)packet.Payload.Length;
            if (FwdCnt - told >= BufAlloc / 2 || packet.Header.Op == Op.CreditRequest)
            {
                told = FwdCnt;
                Send(Op.CreditUpdate);
            }
        }

        return data.ToArray();
    }

    /// <summary>Connects to a host application that listens.</summary>
    public Socket Connect(Socket listener)
    {
        Send(Op.Request);
        Socket accepted = listener.Accept();
        accepted.ReceiveTimeout = accepted.SendTimeout = (int)Guest.Patience.TotalMilliseconds;
        GuestPacket response = Expect(Op.Response);
        Assert.Multiple(() =>
        {
            Assert.That(response.Header.SrcPort, Is.EqualTo(hostPort));
            Assert.That(response.Header.DstPort, Is.EqualTo(guestPort));
            Assert.That(response.Header.Type, Is.EqualTo(type));
        });
        return accepted;
    }

    public void Learn(GuestPacket packet)
    {
        Assert.That(packet.Header.DstPort, Is.EqualTo(guestPort), packet.ToString());
        PeerBufAlloc = packet.Header.BufAlloc;
        PeerFwdCnt = packet.Header.FwdCnt;
    }
}
