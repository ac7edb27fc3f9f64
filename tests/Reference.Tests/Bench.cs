using System.Net.Sockets;
using System.Text;
using NUnit.Framework;

namespace Vsockspec.Reference.Tests;

/// <summary>A reference device in this process with a folder of its own, and host applications for it.</summary>
internal sealed class Bench : IDisposable
{
    public const ulong Cid = 52;

    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vs-");

    public Bench(Func<ReferenceOptions, ReferenceOptions>? change = null, DeviceParts? parts = null)
    {
        ReferenceOptions options = new() { Socket = Path.Combine(folder.FullName, "vhost"), Uds = Path.Combine(folder.FullName, "uds"), GuestCid = Cid };
        Options = change?.Invoke(options) ?? options;
        Device = ReferenceDevice.Start(Options, parts, TestContext.Progress.WriteLine);
    }

    public ReferenceOptions Options { get; }

    public ReferenceDevice Device { get; }

    public string Folder => folder.FullName;

    public Guest Guest(GuestOptions? options = null) => new(Options.Socket!, options) { Cid = Cid };

    /// <summary>A host application that listens on a port.</summary>
    public Socket Listen(uint port, SocketType type = SocketType.Stream, int backlog = 16)
    {
        Socket socket = NewSocket(type);
        socket.Bind(new UnixDomainSocketEndPoint($"{Options.Uds}_{port}"));
        socket.Listen(backlog);
        return socket;
    }

    /// <summary>A host application's connection to the hybrid socket, before the handshake.</summary>
    public Socket Dial(SocketType type = SocketType.Stream)
    {
        Socket socket = NewSocket(type);
        socket.Connect(new UnixDomainSocketEndPoint(type == SocketType.Seqpacket ? Options.Uds + "_seqpacket" : Options.Uds));
        return socket;
    }

    public static void Say(Socket socket, string text) => socket.Send(Encoding.ASCII.GetBytes(text));

    /// <summary>Reads exactly so many bytes, or fewer when the other side ends.</summary>
    public static byte[] Read(Socket socket, int count)
    {
        byte[] buffer = new byte[count];
        int done = 0;
        while (done < count)
        {
            int received = socket.Receive(buffer.AsSpan(done));
            if (received == 0)
            {
                break;
            }

            done += received;
        }

        return buffer[..done];
    }

    public static string ReadLine(Socket socket)
    {
        StringBuilder line = new();
        while (line.Length == 0 || line[^1] != '\n')
        {
            byte[] one = Read(socket, 1);
            if (one.Length == 0)
            {
                break;
            }

            line.Append((char)one[0]);
        }

        return line.ToString();
    }

    public void Dispose()
    {
        Device.Dispose();
        Assert.That(Device.Fault, Is.Null);
        Assert.That(folder.GetFiles().Where(f => f.Name is "vhost" or "uds" or "uds_seqpacket"), Is.Empty, "socket files left behind");
        folder.Delete(recursive: true);
    }

    private static Socket NewSocket(SocketType type) => new(
        AddressFamily.Unix,
        type == SocketType.Seqpacket ? System.Net.Sockets.SocketType.Seqpacket : System.Net.Sockets.SocketType.Stream,
        ProtocolType.Unspecified)
    {
        ReceiveTimeout = (int)Tests.Guest.Patience.TotalMilliseconds,
        SendTimeout = (int)Tests.Guest.Patience.TotalMilliseconds,
    };
}
