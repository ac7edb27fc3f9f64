using System.Diagnostics;
using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Peers;
using SocketType = Vsockspec.Wire.SocketType;

namespace Vsockspec.Cli;

/// <summary>
/// <c>vsockspec guest boot --check</c>: connects both ways, carries bytes there and back, and shows whether KVM and vhost do it themselves: by the
/// calls of KVM's ioeventfd (the guest's kicks) and irqfd (vhost's interrupts), and by the exits that went up to QEMU meanwhile.
/// </summary>
internal sealed class GuestCheck(Workbench bench, Guest guest, IHostPeer host)
{
    private const uint HostCid = 2;
    private const uint HostPort = 5001;
    private const uint GuestPort = 5002;
    private const int Bytes = 256 << 10;
    private const ulong Seed = 5;
    private static readonly CallLimit Long = new(TimeSpan.FromSeconds(120));

    /// <summary>Returns the exit code.</summary>
    /// <param name="isKernelDevice">The device is vhost-vsock.</param>
    public int Execute(bool isKernelDevice)
    {
        using KvmWitness? witness = KvmWitness.Of(guest);
        Connect();
        if (witness is null)
        {
            bench.Out.WriteLine($"check: KVM is not looked at: {(guest.Machine.Accelerator == "kvm" ? "that needs root and tracefs, as in the lab" : "it is not in use")}");
            return ExitCodes.Passed;
        }

        KvmActivity seen = witness.Read();
        bench.Out.WriteLine($"check: KVM: {seen.Processors} virtual processors, {seen.Exits} exits, {seen.UserExits} of them up to QEMU");
        bench.Out.WriteLine($"check: ioeventfd: {seen.Kicks} kicks, by {string.Join(", ", seen.KickedBy)}");
        bench.Out.WriteLine($"check: irqfd: {seen.Interrupts} interrupts, by {string.Join(", ", seen.InterruptedBy)}");
        if (seen is { Processors: > 0, Exits: > 0 } && (!isKernelDevice || seen is { Kicks: > 0, Interrupts: > 0 }))
        {
            return ExitCodes.Passed;
        }

        bench.Error.WriteLine("vsockspec: KVM, ioeventfd or irqfd is not in use");
        return ExitCodes.Harness;
    }

    private void Connect()
    {
        AgentClient agent = guest.Agent;
        using HostListener listener = host.Listen(HostPort);
        int fd = Done(agent.Socket(SocketType.Stream)).OrThrow("socket");
        Done(agent.Connect(fd, new VsockAddress(HostCid, HostPort), Long)).OrThrow("connect");
        using (HostConnection connection = listener.Accept())
        {
            Echo("guest to host", fd, connection);
        }

        int listening = Done(agent.Socket(SocketType.Stream)).OrThrow("socket");
        Done(agent.Bind(listening, new VsockAddress((uint)Wire.Cid.Any32, GuestPort))).OrThrow("bind");
        Done(agent.Listen(listening, 1)).OrThrow("listen");
        using (HostConnection connection = host.Connect(GuestPort))
        {
            connection.ExpectEstablished();
            Echo("host to guest", Done(agent.Accept(listening, Long)).Result.OrThrow("accept"), connection);
        }
    }

    private void Echo(string way, int fd, HostConnection connection)
    {
        byte[] data = new byte[Bytes];
        SeedStream.Fill(Seed, 0, data);
        long begin = Stopwatch.GetTimestamp();
        Task<GuestTransfer> echoing = guest.Agent.Echo(fd, Bytes, limit: Long);
        connection.Send(data);
        byte[] back = connection.ReceiveExactly(Bytes);
        GuestTransfer echoed = Done(echoing);
        uint checksum = Checksum.Of(back);
        if (!back.AsSpan().SequenceEqual(data) || echoed.Checksum != checksum)
        {
            throw new GuestException($"{way}: what came back is not what was sent");
        }

        bench.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"check: {way}: {Bytes} bytes there and back in {Stopwatch.GetElapsedTime(begin).TotalSeconds:0.00} s, CRC-32C {checksum:x8}"));
    }

    private static T Done<T>(Task<T> call) => call.GetAwaiter().GetResult();
}
