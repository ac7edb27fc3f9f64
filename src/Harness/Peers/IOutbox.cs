namespace Vsockspec.Peers;

/// <summary>What a host application has given to its socket, as long as the socket has not taken it. Part of the timeline while it is not empty.</summary>
internal interface IOutbox : IPumped, IDisposable
{
    bool IsEmpty { get; }

    /// <summary>Bytes that the socket has not taken.</summary>
    long Untaken { get; }

    /// <summary>Adds data, for seqpacket one message, and lets the socket take what it takes now.</summary>
    /// <returns>0; otherwise the errno with which the socket refuses, and what it has not taken is dropped.</returns>
    int Post(ReadOnlySpan<byte> data);
}
