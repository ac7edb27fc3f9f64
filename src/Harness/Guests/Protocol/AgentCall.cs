namespace Vsockspec.Guests.Protocol;

/// <summary>What a client asks the agent for. Numbers are permanent within a version.</summary>
public enum AgentCall : ushort
{
    /// <summary>Nothing; the answer shows that the agent lives.</summary>
    Ping = 1,
    Socket = 2,
    Bind = 3,
    Listen = 4,
    Accept = 5,
    Connect = 6,
    Send = 7,
    Receive = 8,
    Shutdown = 9,
    Close = 10,
    Poll = 11,
    EpollCreate = 12,
    EpollControl = 13,
    EpollWait = 14,
    SetOption = 15,
    GetOption = 16,

    /// <summary>ioctl(2) with an int to be filled: SIOCINQ, SIOCOUTQ.</summary>
    Inquire = 17,

    /// <summary>IOCTL_VM_SOCKETS_GET_LOCAL_CID on /dev/vsock.</summary>
    LocalCid = 18,
    SocketName = 19,
    PeerName = 20,
    SetNonBlocking = 21,
    BulkSend = 22,
    BulkReceive = 23,
    Echo = 24,

    /// <summary>The beginning of a file of the guest: counters in /proc.</summary>
    ReadFile = 25,

    /// <summary>Records of /dev/kmsg from a sequence number on.</summary>
    KernelLog = 26,

    /// <summary>Interrupts every other call and closes every descriptor that calls have opened.</summary>
    Reset = 27,
    PowerOff = 28,

    /// <summary>The machine starts anew; there is no answer but the hello of the agent that comes up.</summary>
    Restart = 29,

    /// <summary>As BulkSend, of a stream that is made beforehand: for measuring.</summary>
    RepeatSend = 30,

    /// <summary>As BulkReceive, of such a stream; acknowledged over the connection.</summary>
    RepeatReceive = 31,

    /// <summary>Sends and waits for the echo, many times, each timed in the guest.</summary>
    RoundTrips = 32,

    /// <summary>Connects and closes, many times, each connect timed in the guest.</summary>
    Connects = 33,

    /// <summary>Runs a program of the guest to its end and gives the end of its output.</summary>
    Execute = 40,
}
