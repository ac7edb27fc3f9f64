using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Transports;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>A front end whose back end is the test: replies are put into the socket before they are asked for.</summary>
internal sealed class FrontEndBench : IDisposable
{
    public FrontEndBench(VhostUserFrontEndOptions? options = null)
    {
        (UnixStream ours, UnixStream theirs) = UnixStream.Pair();
        Front = new VhostUserFrontEnd(ours, options);
        Peer = new VhostUserConnection(theirs);
    }

    public VhostUserFrontEnd Front { get; }

    public VhostUserConnection Peer { get; }

    public static byte[] Bytes(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));

    public void Reply(string hex) => Peer.Send(Bytes(hex), default, Deadline.Never);

    /// <summary>Everything the front end has sent so far.</summary>
    public void AssertSent(string hex, int descriptors = 0)
    {
        List<byte> bytes = [];
        List<SafeFileHandle> handles = [];
        byte[] buffer = new byte[4096];
        StreamMove move;
        while ((move = Peer.Stream.Receive(buffer, handles)).State == StreamState.Moved)
        {
            bytes.AddRange(buffer.AsSpan(0, move.Count));
        }

        handles.ForEach(handle => handle.Dispose());
        Assert.That(Convert.ToHexStringLower([.. bytes]), Is.EqualTo(hex.Replace(" ", "", StringComparison.Ordinal)));
        Assert.That(handles, Has.Count.EqualTo(descriptors));
    }

    public void Dispose()
    {
        Front.Dispose();
        Peer.Dispose();
    }
}
