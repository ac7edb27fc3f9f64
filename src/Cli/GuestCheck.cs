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
        if (guest.Machine.Accelerator != "kvm" || !KernelCounter.IsPossible)
        {
            Connect();
            bench.Out.WriteLine($"check: KVM is not looked at: {(guest.Machine.Accelerator == "kvm" ? "that needs root and tracefs, as in the lab" : "it is not in use")}");
            return ExitCodes.Passed;
        }

        using KernelCounter exits = KernelCounter.OfEvent("kvm/kvm_exit");
        using KernelCounter userExits = KernelCounter.OfEvent("kvm/kvm_userspace_exit");
        using KernelCounter kicks = KernelCounter.OfFunction("ioeventfd_write");
        using KernelCounter interrupts = KernelCounter.OfFunction("irqfd_wakeup");
        Connect();
        int processors = Directory.EnumerateFiles($"/proc/{guest.ProcessId}/fd").Count(f => new FileInfo(f).LinkTarget?.StartsWith("anon_inode:kvm-vcpu", StringComparison.Ordinal) == true);
        bench.Out.WriteLine($"check: KVM: {processors} virtual processors, {exits.Count()} exits, {userExits.Count()} of them up to QEMU");
        bench.Out.WriteLine($"check: ioeventfd: {kicks.Count()} kicks, by {string.Join(", ", kicks.Tasks())}");
        bench.Out.WriteLine($"check: irqfd: {interrupts.Count()} interrupts, by {string.Join(", ", interrupts.Tasks())}");
        if (processors > 0 && exits.Count() > 0 && (!isKernelDevice || (kicks.Count() > 0 && interrupts.Count() > 0)))
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
