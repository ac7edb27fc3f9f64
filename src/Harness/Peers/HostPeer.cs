using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>The sockets that a host application uses, and with them how it learns that a connection stands.</summary>
public enum HostFamily
{
    /// <summary>Unix sockets with a line each way before the data.</summary>
    Hybrid,

    /// <summary>AF_VSOCK: the kernel's own sockets.</summary>
    Vsock,
}

/// <summary>The host application end of a backend.</summary>
public interface IHostPeer : IDisposable
{
    /// <summary>Listens on a host port, as an application does that guests connect to.</summary>
    HostListener Listen(uint port, SocketType type = SocketType.Stream, int backlog = 128);

    /// <summary>Begins to connect to a guest port; <see cref="HostConnection.ExpectEstablished"/> completes it.</summary>
    HostConnection Connect(uint guestPort, SocketType type = SocketType.Stream);

    /// <summary>Opens the host side's control socket without saying anything, for handshake abuse; null where there is none.</summary>
    HostConnection? OpenControl(SocketType type = SocketType.Stream);
}
