using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>What a host socket made of data for it.</summary>
internal enum WriteState
{
    /// <summary>Nothing waits for the socket.</summary>
    Drained,

    /// <summary>Some is kept until the socket has room again.</summary>
    Waiting,

    /// <summary>There is no room left to keep it: more than the window, or more empty messages than are kept.</summary>
    Overflow,

    /// <summary>The host application takes no more data; what was kept is lost.</summary>
    Refused,
}

/// <summary>What a host socket had for the guest.</summary>
internal enum ReadState
{
    Data,

    /// <summary>Nothing now.</summary>
    Nothing,

    /// <summary>The host application will send no more.</summary>
    Ended,

    /// <summary>The connection is broken: the host application closed without reading everything, or sent what cannot be passed on.</summary>
    Broken,
}

/// <param name="Count">Bytes written to the chain.</param>
/// <param name="Flags">For seqpacket flows.</param>
internal readonly record struct ReadResult(ReadState State, uint Count = 0, SeqpacketFlags Flags = SeqpacketFlags.None);

/// <summary>
/// The host application's end of one flow: a Unix socket, and the bounded buffer in front of it. It keeps the promises of the
/// flow's type; what they mean for the flow is decided elsewhere.
/// </summary>
internal abstract class HostEnd(ScatterSocket socket, RingStorage storage) : IDisposable
{
    private bool sendingEnded;
    private bool receivingEnded;

    public ScatterSocket Socket { get; } = socket;

    /// <summary>Bytes that the host socket does not have yet.</summary>
    protected ByteRing Kept { get; } = new(storage);

    /// <summary>Nothing is kept that the host socket could take; see <see cref="HasPartialMessage"/> for what it could not.</summary>
    public abstract bool IsDrained { get; }

    /// <summary>The beginning of a message is kept whose end the guest has not sent.</summary>
    public virtual bool HasPartialMessage => false;

    /// <summary>Something taken from the host socket waits to be sent to the guest.</summary>
    public virtual bool HasUnsent => false;

    /// <summary>Takes the payload of one RW packet: passes it on or keeps it.</summary>
    public abstract WriteState Write(Connection flow, in ChainBytes packet, uint length, SeqpacketFlags flags);

    /// <summary>Passes on what is kept, as far as the socket has room.</summary>
    public abstract WriteState Flush();

    /// <summary>Reads at most <paramref name="limit"/> bytes (at least 1) for the guest into the chain, behind the header.</summary>
    public abstract ReadResult Read(in ChainBytes chain, uint limit);

    /// <summary>Bytes that have gone to the host socket since the last call.</summary>
    public uint TakeForwarded()
    {
        uint count = Forwarded;
        Forwarded = 0;
        return count;
    }

    protected uint Forwarded { get; set; }

    /// <summary>Looks whether the host application has data, ended or broke the connection; takes nothing.</summary>
    public ReadState Probe()
    {
        if (HasUnsent)
        {
            return ReadState.Data;
        }

        ScatterResult peeked = Socket.Peek();
        return peeked switch
        {
            { WouldBlock: true } => ReadState.Nothing,
            { Errno: not 0 } => ReadState.Broken,
            { Count: 0, IsMessage: false } => ReadState.Ended,
            _ => ReadState.Data,
        };
    }

    /// <summary>The guest will send no more: the host application sees the end of the data.</summary>
    public void EndSending()
    {
        if (!sendingEnded)
        {
            sendingEnded = true;
            Socket.ShutDown(receive: false, send: true);
        }
    }

    /// <summary>The guest will receive no more: the host application cannot write any more.</summary>
    public void EndReceiving()
    {
        if (!receivingEnded)
        {
            receivingEnded = true;
            Socket.ShutDown(receive: true, send: false);
        }
    }

    /// <summary>Both directions of the socket are shut: the host application closed it, or each side shut one.</summary>
    public bool IsHungUp
    {
        get
        {
            Span<PollEntry> entry = [new PollEntry(Socket.Fd, PollEvents.Readable)];
            return Poll.Wait(entry, 0) > 0 && (entry[0].Ready & PollEvents.HangUp) != 0;
        }
    }

    public virtual void Dispose()
    {
        Kept.Release();
        Socket.Dispose();
    }
}
