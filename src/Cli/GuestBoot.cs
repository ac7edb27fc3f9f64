using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary><c>vsockspec guest boot</c>: a guest on the reference device, with a shell in it on this terminal, line by line.</summary>
internal sealed class GuestBoot(Workbench bench, int memoryMiB)
{
    private const ulong GuestCid = 3;

    /// <summary>Returns the exit code.</summary>
    /// <param name="input">What is typed into the guest; its end, or Ctrl-C, ends the guest.</param>
    public int Execute(Stream input)
    {
        using StopSignals signals = new();
        try
        {
            GuestKernel kernel = UmlKernel.Get(ToolBox.OfThisMachine, signals.Token);
            string agent = AgentProgram.Find(GuestCache.Agents(), line => bench.Error.WriteLine($"guest: {line}"), signals.Token);
            string? busyBox = ToolBox.OfThisMachine.Find("busybox");
            GuestImage image = GuestImage.Build(kernel, agent, busyBox, signals.Token);
            using InstanceFolder folder = InstanceFolder.Create();
            ITarget reference = BuiltInTargets.Find(BuiltInTargets.Default, bench.Suites).ToTarget();
            using IVhostUserInstance device = (IVhostUserInstance)reference.Start(new TargetPlace(folder.Path, GuestCid), signals.Token);
            UmlOptions options = new() { MemoryMiB = memoryMiB, DeviceSocket = device.Socket, HasShell = busyBox is not null };
            using Guest guest = UmlLauncher.Start(kernel, image, options, signals.Token);
            Introduce(guest, image, device);
            if (guest.Shell is not { } shell)
            {
                bench.Error.WriteLine("guest: there is no shell without busybox: sudo apt-get install -y busybox-static");
                return ExitCodes.Passed;
            }

            return Converse(guest, shell, input, signals.Token);
        }
        catch (OperationCanceledException) when (signals.Token.IsCancellationRequested)
        {
            return ExitCodes.Passed;
        }
    }

    private void Introduce(Guest guest, GuestImage image, IVhostUserInstance device)
    {
        bench.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"guest: Linux {guest.Hello.Release} in user mode, agent ready after {guest.ReadyAfter.TotalSeconds:0.00} s, image {image.Digest}"));
        bench.Out.WriteLine($"guest: CID {GuestCid}; connect to a port of it: {device.Uds}, and say CONNECT PORT; its connections to port P of the host go to {device.Uds}_P");
        foreach (string problem in guest.Hello.Problems)
        {
            bench.Error.WriteLine($"guest: {problem}");
        }
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
