using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Interop;

namespace Vsockspec.Cases.Adopted;

/// <summary>
/// Runs a program's two sides against each other, one on this machine and one in a guest on its vhost-vsock, and ends both. The sides use AF_VSOCK, so the
/// permit is asked for.
/// </summary>
/// <param name="guestCid">Of the guest, as this machine calls it.</param>
/// <param name="permit">Shows that the family is ours to use.</param>
internal sealed class TestPair(VsockTests tests, Guest guest, ulong guestCid, QemuNetwork network, VsockPermit permit)
{
    public const string GuestFolder = "/bin";
    private const ulong HostCid = 2;
    private const string Loopback = "127.0.0.1";

    /// <summary>Takes five seconds by KVM inside a translated machine.</summary>
    private const string PerfBytes = "64M";

    /// <summary>For a whole pair; in a translated lab none takes 10 s, those of other kernels may loop for longer.</summary>
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    /// <summary>How long a server may take to listen.</summary>
    private static readonly TimeSpan ListenLimit = TimeSpan.FromSeconds(20);

    /// <summary>How long the other side may go on when one has failed: the tests' own patience for a word of the other is 10 s.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(12);

    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    private readonly long _begin = Stopwatch.GetTimestamp();

    private bool IsLate => Stopwatch.GetElapsedTime(_begin) > Limit;

    /// <exception cref="GuestException">The guest is lost.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; both sides are gone.</exception>
    public PairEnd Run(AdoptedTest test, ClientSide client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(permit);
        bool isGuestClient = client == ClientSide.Guest;
        int port = isGuestClient ? network.ToHost : network.GuestPort;
        using IStartedProgram server = Start(
            test, !isGuestClient, TestCommand.Of(test, "server", isGuestClient ? Loopback : QemuNetwork.GuestAddress, port, isGuestClient ? guestCid : HostCid));
        if (!Eventually(() => Listens(!isGuestClient, port), server, cancellation))
        {
            SideEnd dead = server.End(Who(!isGuestClient, "server"));
            return new PairEnd(new SideEnd(Who(isGuestClient, "client"), false, "not started: the server does not listen", ""), dead, InTime: true);
        }

        using IStartedProgram calling = Start(
            test,
            isGuestClient,
            TestCommand.Of(
                test,
                "client",
                isGuestClient ? QemuNetwork.HostAddress : Loopback,
                isGuestClient ? network.ToHost : network.IntoGuest,
                isGuestClient ? HostCid : guestCid));
        return WaitFor(calling, server, isGuestClient, cancellation);
    }

    /// <summary>A measurement has no control connection: the sender tries until the receiver listens.</summary>
    /// <inheritdoc cref="Run"/>
    public PairEnd Measure(AdoptedTest test, ClientSide client, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(permit);
        bool isGuestClient = client == ClientSide.Guest;
        using IStartedProgram receiver = Start(test, !isGuestClient, TestCommand.Receiver());
        while (true)
        {
            using IStartedProgram sender = Start(test, isGuestClient, TestCommand.Sender(isGuestClient ? HostCid : guestCid, PerfBytes));
            while (!sender.WaitForEnd(Glance) && !IsLate)
            {
                cancellation.ThrowIfCancellationRequested();
            }

            SideEnd sent = sender.End(Who(isGuestClient, "client"));
            if (sent.Succeeded || IsLate || receiver.WaitForEnd(Glance))
            {
                bool inTime = !IsLate;
                while (sent.Succeeded && inTime && !receiver.WaitForEnd(Glance))
                {
                    inTime = !IsLate;
                }

                return new PairEnd(sent, receiver.End(Who(!isGuestClient, "server")), inTime);
            }

            cancellation.ThrowIfCancellationRequested();
        }
    }

    private static string Who(bool isGuest, string role) => $"{(isGuest ? "guest" : "host")} ({role})";

    private IStartedProgram Start(AdoptedTest test, bool inGuest, IReadOnlyList<string> arguments) => inGuest
        ? new GuestProgram(guest.Agent, $"{GuestFolder}/{test.Program}", arguments, Limit + Grace + Grace)
        : HostProgram.Start(tests.Programs[test.Program], arguments);

    private bool Listens(bool inGuest, int port) =>
        TcpTable.Listens(inGuest ? guest.Agent.ReadFile(TcpTable.Path).GetAwaiter().GetResult().Value : File.ReadAllText(TcpTable.Path), port);

    /// <summary>False when the time is over, or the program has ended before.</summary>
    private static bool Eventually(Func<bool> condition, IStartedProgram program, CancellationToken cancellation)
    {
        Deadline deadline = Deadline.In(ListenLimit);
        while (!condition())
        {
            cancellation.ThrowIfCancellationRequested();
            if (deadline.HasPassed || program.WaitForEnd(Glance))
            {
                return false;
            }
        }

        return true;
    }

    private PairEnd WaitFor(IStartedProgram client, IStartedProgram server, bool isGuestClient, CancellationToken cancellation)
    {
        long? firstEnd = null;
        while (!(client.WaitForEnd(Glance) & server.WaitForEnd(Glance)))
        {
            cancellation.ThrowIfCancellationRequested();
            if (IsLate)
            {
                break;
            }

            if (client.WaitForEnd(TimeSpan.Zero) || server.WaitForEnd(TimeSpan.Zero))
            {
                firstEnd ??= Stopwatch.GetTimestamp();
                if (Stopwatch.GetElapsedTime(firstEnd.Value) > Grace)
                {
                    break;
                }
            }
        }

        bool inTime = client.WaitForEnd(TimeSpan.Zero) || server.WaitForEnd(TimeSpan.Zero);
        return new PairEnd(client.End(Who(isGuestClient, "client")), server.End(Who(!isGuestClient, "server")), inTime);
    }
}
