using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>Which guest to boot, and on what.</summary>
/// <param name="Image"><c>uml</c>, or the name of a kernel, which QEMU boots.</param>
/// <param name="Qemu">How QEMU's machine is to be; of user-mode Linux only the memory counts.</param>
/// <param name="IsOnKernelDevice">The device is this machine's vhost-vsock and not the reference device; not for user-mode Linux.</param>
/// <param name="IsCheck">No shell: connects both ways and tells what carries it.</param>
internal sealed record GuestBootSettings(string Image, QemuOptions Qemu, bool IsOnKernelDevice, bool IsCheck);

/// <summary><c>vsockspec guest boot</c>: a guest on a device, with a shell in it on this terminal, line by line.</summary>
internal sealed class GuestBoot(Workbench bench, GuestBootSettings settings)
{
    private const ulong GuestCid = 3;

    /// <summary>A guest whose KVM is itself in a translated machine takes half a minute.</summary>
    private static readonly TimeSpan BootLimit = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan CheckPatience = TimeSpan.FromMinutes(1);

    /// <summary>Returns the exit code.</summary>
    /// <param name="input">What is typed into the guest; its end, or Ctrl-C, ends the guest.</param>
    /// <exception cref="UsageException">User-mode Linux on the kernel's device.</exception>
    public int Execute(Stream input)
    {
        if (settings.IsOnKernelDevice && settings.Image == UmlKernel.Name)
        {
            throw new UsageException("--device kernel: user-mode Linux reaches vhost-user devices only; boot a kernel in QEMU: debian:6.12");
        }

        using StopSignals signals = new();
        try
        {
            using InstanceFolder folder = InstanceFolder.Create();
            return settings.IsOnKernelDevice ? OnKernelDevice(input, signals.Token) : OnReference(folder, input, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Passed;
        }
    }

    private int OnReference(InstanceFolder folder, Stream input, CancellationToken cancellation)
    {
        IDeviceTarget reference = BuiltInTargets.Find(BuiltInTargets.Default, bench.Suites).ToTarget();
        using IVhostUserInstance device = (IVhostUserInstance)reference.Start(new TargetPlace(folder.Path, GuestCid), cancellation);
        using Guest guest = Start(new GuestVsock.VhostUser(device.Socket), cancellation);
        bench.Out.WriteLine($"guest: CID {GuestCid}; connect to a port of it: {device.Uds}, and say CONNECT PORT; its connections to port P of the host go to {device.Uds}_P");
        using HybridHostPeer host = new(new Timeline(CheckPatience), device.Uds);
        return settings.IsCheck ? new GuestCheck(bench, guest, host).Execute(isKernelDevice: false) : Show(guest, input, cancellation);
    }

    private int OnKernelDevice(Stream input, CancellationToken cancellation)
    {
        VsockPermit permit = VsockPermit.Obtain();
        using CidLease lease = CidLease.Take(_ => true);
        using Guest guest = Start(new GuestVsock.Kernel(lease.Cid), cancellation);
        bench.Out.WriteLine($"guest: CID {lease.Cid} of this machine's vhost-vsock");
        using VsockHostPeer host = new(new Timeline(CheckPatience), lease.Cid, permit);
        return settings.IsCheck ? new GuestCheck(bench, guest, host).Execute(isKernelDevice: true) : Show(guest, input, cancellation);
    }

    private Guest Start(GuestVsock device, CancellationToken cancellation)
    {
        bool isUml = settings.Image == UmlKernel.Name;
        GuestKernel kernel = isUml
            ? UmlKernel.Get(ToolBox.OfThisMachine, cancellation)
            : bench.Kernels().Fetch(settings.Image, line => bench.Error.WriteLine($"guest: {line}"), cancellation);
        string agent = AgentProgram.Find(GuestCache.Agents(), line => bench.Error.WriteLine($"guest: {line}"), cancellation);
        string? busyBox = settings.IsCheck ? null : ToolBox.OfThisMachine.Find("busybox");
        bool hasShell = busyBox is not null;
        GuestImage image = GuestImage.Build(kernel, agent, busyBox, cancellation, isUml ? null : QemuLauncher.Modules(settings.Qemu.Machine));
        Guest guest = isUml
            ? UmlLauncher.Start(
                kernel,
                image,
                new UmlOptions { MemoryMiB = settings.Qemu.MemoryMiB, DeviceSocket = ((GuestVsock.VhostUser)device).Socket, HasShell = hasShell },
                cancellation)
            : QemuLauncher.OfThisMachine(ToolBox.OfThisMachine).Start(
                kernel, image, settings.Qemu with { Device = device, HasShell = hasShell, BootLimit = BootLimit }, cancellation);
        Introduce(guest, image);
        return guest;
    }

    private void Introduce(Guest guest, GuestImage image)
    {
        bench.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"guest: Linux {guest.Hello.Release} on {guest.Machine}, agent ready after {guest.ReadyAfter.TotalSeconds:0.00} s, image {image.Digest}"));
        if (guest.Machine.FirstBoot is { } first)
        {
            bench.Error.WriteLine($"guest: was booted a second time; the first: {first}");
        }

        foreach (string problem in guest.Hello.Problems)
        {
            bench.Error.WriteLine($"guest: {problem}");
        }
    }

    private int Show(Guest guest, Stream input, CancellationToken cancellation)
    {
        if (guest.Shell is { } shell)
        {
            return Converse(guest, shell, input, cancellation);
        }

        bench.Error.WriteLine("guest: there is no shell without busybox: sudo apt-get install -y busybox-static");
        return ExitCodes.Passed;
    }

    /// <summary>Carries bytes both ways until one side ends.</summary>
    private int Converse(Guest guest, UnixStream shell, Stream input, CancellationToken cancellation)
    {
        new Thread(() => Type(shell, input)) { IsBackground = true, Name = "typing" }.Start();
        byte[] piece = new byte[4096];
        System.Text.Decoder decoder = System.Text.Encoding.UTF8.GetDecoder();
        char[] text = new char[piece.Length];
        while (!cancellation.IsCancellationRequested)
        {
            if (!shell.Wait(PollEvents.Readable, Deadline.In(TimeSpan.FromMilliseconds(200))))
            {
                continue;
            }

            StreamMove move = shell.Receive(piece);
            if (move.State == StreamState.Closed)
            {
                break;
            }

            bench.Out.Write(text, 0, decoder.GetChars(piece, 0, move.Count, text, 0));
            bench.Out.Flush();
        }

        if (cancellation.IsCancellationRequested || !guest.WaitForExit(TimeSpan.Zero))
        {
            return ExitCodes.Passed;
        }

        bench.Error.WriteLine($"vsockspec: the guest has ended; the end of its console:{string.Concat(guest.Console.TakeLast(20).Select(l => $"\n  {l}"))}");
        return ExitCodes.Harness;
    }

    private static void Type(UnixStream shell, Stream input)
    {
        byte[] piece = new byte[4096];
        try
        {
            for (int read; (read = input.Read(piece)) > 0;)
            {
                for (int sent = 0; sent < read;)
                {
                    StreamMove move = shell.Send(piece.AsSpan(sent, read - sent));
                    if (move.State == StreamState.Closed)
                    {
                        return;
                    }

                    sent += move.Count;
                    if (move.State == StreamState.WouldBlock)
                    {
                        shell.Wait(PollEvents.Writable, Deadline.Never);
                    }
                }
            }

            shell.Shutdown();
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The guest has gone before the typing ended.
        }
    }
}
