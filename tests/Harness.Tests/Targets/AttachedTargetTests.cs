using System.Net.Sockets;
using NUnit.Framework;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class AttachedTargetTests
{
    [Test]
    public void Start_SocketThatIsServed_IsNotConnectedTo()
    {
        using Scratch scratch = new();
        string path = Path.Combine(scratch.Path, "a.sock");
        using Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(path));
        listener.Listen();

        using ITargetInstance instance = Attach(scratch).Start(scratch.Place, default);

        Assert.That(((IVhostUserInstance)instance).Socket, Is.EqualTo(path));
        Assert.That(listener.Poll(0, SelectMode.SelectRead), Is.False, "a connection was made");
    }

    [Test]
    public void Start_NoSocket_SaysStartTheTargetFirst()
    {
        using Scratch scratch = new();
        Assert.That(
            () => Attach(scratch).Start(scratch.Place, default),
            Throws.TypeOf<TargetException>().With.Message.Contains("field 'attach.socket'").And.Message.Contains("does not exist; start the target first"));
    }

    [Test]
    public void Start_StaleSocketFile_SaysNobodyServesIt()
    {
        using Scratch scratch = new();
        using (Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            listener.Bind(new UnixDomainSocketEndPoint(Path.Combine(scratch.Path, "a.sock")));
        }

        scratch.Write("a.sock", "");
        Assert.That(
            () => Attach(scratch).Start(scratch.Place, default),
            Throws.TypeOf<TargetException>().With.Message.Contains("nobody serves").And.Property(nameof(TargetException.IsManifestError)).True);
    }

    private static IDeviceTarget Attach(Scratch scratch) => TargetManifest.Load(scratch.Write(
        "m.yaml", "name: x\nrole: device\ntransport: vhost-user\nattach: {socket: a.sock, uds: v, cid: 42}\n")).ToTarget();
}
