using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>A socket of an application in the guest, in the case's timeline.</summary>
internal sealed class GuestSocket(CaseContext c, int fd)
{
    /// <summary>ECONNRESET, as Linux numbers it.</summary>
    public const int ConnectionReset = 104;

    /// <summary>EINPROGRESS.</summary>
    public const int InProgress = 115;

    private static readonly CallLimit Limit = new(TimeSpan.FromSeconds(30));

    public int Fd => fd;

    public static GuestSocket Create(CaseContext c, SocketType type = SocketType.Stream, bool nonBlocking = false) =>
        new(c, c.Await(c.Agent.Socket(type, nonBlocking)).OrThrow("socket"));

    /// <summary>An established connection that the guest opened, with both ends.</summary>
    public static (GuestSocket Guest, HostConnection Host) Open(CaseContext c, SocketType type = SocketType.Stream)
    {
        HostListener listener = c.Listen(type);
        GuestSocket socket = Create(c, type);
        socket.Connect(listener.Port).OrThrow("connect");
        return (socket, listener.Accept());
    }

    /// <summary>An established connection that the host opened, with both ends.</summary>
    public static (GuestSocket Guest, HostConnection Host) OpenFromHost(CaseContext c, SocketType type = SocketType.Stream)
    {
        GuestSocket listener = Create(c, type);
        uint port = listener.Listen();
        HostConnection host = c.Host.Connect(port, type);
        GuestSocket accepted = listener.Accept();
        _ = host.ExpectEstablished();
        return (accepted, host);
    }

    /// <summary>Binds to a port that the guest's kernel chooses, or the given one, and listens.</summary>
    public uint Listen(int backlog = 128)
    {
        c.Await(c.Agent.Bind(fd, new VsockAddress((uint)Cid.Any32, (uint)Cid.Any32))).OrThrow("bind");
        c.Await(c.Agent.Listen(fd, backlog)).OrThrow("listen");
        return Name().Port;
    }

    public GuestSocket Accept() => new(c, c.Await(c.Agent.Accept(fd, Limit)).Result.OrThrow("accept"));

    public GuestResult Connect(uint hostPort) => c.Await(c.Agent.Connect(fd, new VsockAddress((uint)Cid.Host, hostPort), Limit));

    public VsockAddress Name() => c.Await(c.Agent.SocketName(fd)).Vsock;

    public VsockAddress Peer() => c.Await(c.Agent.PeerName(fd)).Vsock;

    /// <summary>
    /// Sends so many bytes with one call, and returns them. The guest makes them from a seed: a request that carries more than a terminal's buffer of 4096 bytes
    /// is not read to its end in user-mode Linux.
    /// </summary>
    public byte[] Send(int count)
    {
        ulong seed = (ulong)c.Random.NextInt64();
        GuestResult result = c.Await(c.Agent.SendSeeded(fd, seed, 0, [count], limit: Limit));
        CaseContext.Require(result.Value == count, "guest-send-short", $"{count} bytes are taken from the guest's application", result.ToString());
        byte[] data = new byte[count];
        SeedStream.Fill(seed, 0, data);
        return data;
    }

    /// <summary>One receive call, of at most so many bytes.</summary>
    public GuestReceived Receive(int length, int flags = 0) => c.Await(c.Agent.Receive(fd, length, flags, Limit));

    /// <summary>Receives exactly so many bytes of a stream.</summary>
    public byte[] ReceiveExactly(int count)
    {
        List<byte> data = [];
        while (data.Count < count)
        {
            GuestReceived part = Receive(Math.Min(count - data.Count, 32 * 1024));
            CaseContext.Require(
                part.Result.Succeeded && part.Result.Value > 0,
                "guest-data-missing",
                $"{count} bytes reach the guest's application",
                $"{data.Count} bytes, then {part.Result}");
            data.AddRange(part.Data);
        }

        return [.. data];
    }

    public GuestResult Shutdown(System.Net.Sockets.SocketShutdown how) => c.Await(c.Agent.Shutdown(fd, how));

    public GuestResult Close() => c.Await(c.Agent.Close(fd));

    /// <summary>Sends a seed's bytes.</summary>
    public Task<GuestTransfer> BulkSend(ulong seed, ulong total) => c.Agent.BulkSend(fd, seed, total, limit: Limit);

    /// <summary>Receives and compares a seed's bytes.</summary>
    public Task<GuestTransfer> BulkReceive(ulong seed, ulong total) => c.Agent.BulkReceive(fd, seed, total, limit: Limit);

    /// <summary>Waits until poll(2) in the guest tells one of these.</summary>
    public PollEvents Poll(PollEvents interest) => c.Await(c.Agent.Poll([(fd, interest)], 20_000, Limit)).Ready[0];

    public void SetOption(int name, ulong value) =>
        c.Await(c.Agent.SetOption(fd, VsockAddress.Family, name, BitConverter.GetBytes(value))).OrThrow("setsockopt");

    /// <summary>Bytes that wait to be received, as far as one look (MSG_PEEK) shows.</summary>
    public long Waiting() => Receive(32 * 1024, Peek | DontWait).Result.Value;

    /// <summary>SO_ERROR, which is cleared by asking.</summary>
    public int TakeError() => BitConverter.ToInt32(c.Await(c.Agent.GetOption(fd, SolSocket, SoError, sizeof(int))).Value);

    private const int Peek = 2;
    private const int DontWait = 0x40;
    private const int SolSocket = 1;
    private const int SoError = 4;
}
