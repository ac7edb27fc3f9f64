using System.CommandLine;
using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Reference;
using Vsockspec.Reference.Driver;
using Vsockspec.Wire;

const int UsageError = 2;

Option<string?> socket = new("--socket", "--socket-path") { Description = "vhost-user socket to listen on", HelpName = "PATH" };
Option<int?> fd = new("--fd") { Description = "inherited vhost-user socket, listening or connected, instead of --socket", HelpName = "N" };
Option<string?> uds = new("--uds")
{
    Description = "Unix socket that host applications connect to; the guest's connections to port P go to PATH_P",
    HelpName = "PATH",
};
Option<ulong> cid = new("--cid") { Description = "context identifier of the guest", HelpName = "N", DefaultValueFactory = _ => 3 };
Option<uint> buffer = new("--buffer") { Description = "receive buffer of one connection", HelpName = "BYTES", DefaultValueFactory = _ => 256 * 1024 };
Option<int> maxConnections = new("--max-connections") { Description = "connections at a time", HelpName = "N", DefaultValueFactory = _ => 1024 };
Option<int> closeTimeout = new("--close-timeout-ms")
{
    Description = "how long a guest, or the driver's device, may leave a shutdown unanswered",
    HelpName = "N",
    DefaultValueFactory = _ => 2000,
};
Option<int> connectTimeout = new("--connect-timeout-ms")
{
    Description = "how long a connection may take to be made",
    HelpName = "N",
    DefaultValueFactory = _ => 2000,
};
Option<double> slowBy = new("--slow-by") { Description = "spend so many percent more processor time than the work takes, to prove a measurement with it", HelpName = "PERCENT" };
Option<bool> noPacked = new("--no-packed") { Description = "do not offer VIRTIO_F_RING_PACKED" };
Option<bool> noSeqpacket = new("--no-seqpacket") { Description = "do not offer VIRTIO_VSOCK_F_SEQPACKET" };
Option<bool> noInOrder = new("--no-in-order") { Description = "do not offer VIRTIO_F_IN_ORDER" };
Option<bool> noEventIdx = new("--no-event-idx") { Description = "do not offer VIRTIO_F_EVENT_IDX" };
Option<bool> noIndirect = new("--no-indirect") { Description = "do not offer VIRTIO_F_INDIRECT_DESC" };
Option<bool> printCapabilities = new("--print-capabilities") { Description = "print the capabilities of this back end as JSON and exit" };

Option<string?> drive = new("--drive")
{
    Description = "be the reference driver instead: the guest of the vhost-user device that listens on PATH. Its applications are driven with the agent "
        + "protocol on standard input and output, and it ends when the input does; its log goes to standard error. Of the other options only --close-timeout-ms counts",
    HelpName = "PATH",
};

RootCommand root = new("The vsockspec reference device: a vhost-user vsock back end whose host side are Unix sockets.");
foreach (Option option in (Option[])[drive, socket, fd, uds, cid, buffer, maxConnections, closeTimeout, connectTimeout, slowBy, noPacked, noSeqpacket, noInOrder, noEventIdx, noIndirect, printCapabilities])
{
    root.Options.Add(option);
}

root.SetAction(parsed =>
{
    if (parsed.GetValue(printCapabilities))
    {
        Console.WriteLine("""{"type":"vsock","features":[]}""");
        return 0;
    }

    if (parsed.GetValue(drive) is { } devicePath)
    {
        return Drive(devicePath, new DriverOptions { CloseTimeout = TimeSpan.FromMilliseconds(parsed.GetValue(closeTimeout)) });
    }

    if (parsed.GetValue(uds) is not { } udsPath)
    {
        Console.Error.WriteLine("--uds PATH is missing: the Unix socket that host applications connect to");
        return UsageError;
    }

    VirtioFeatures withheld =
        (parsed.GetValue(noPacked) ? VirtioFeatures.RingPacked : 0) |
        (parsed.GetValue(noSeqpacket) ? VirtioFeatures.Seqpacket : 0) |
        (parsed.GetValue(noInOrder) ? VirtioFeatures.InOrder : 0) |
        (parsed.GetValue(noEventIdx) ? VirtioFeatures.EventIdx : 0) |
        (parsed.GetValue(noIndirect) ? VirtioFeatures.IndirectDesc : 0);
    return Serve(new ReferenceOptions
    {
        Socket = parsed.GetValue(socket),
        Fd = parsed.GetValue(fd),
        Uds = udsPath,
        GuestCid = parsed.GetValue(cid),
        BufferBytes = parsed.GetValue(buffer),
        MaxConnections = parsed.GetValue(maxConnections),
        CloseTimeout = TimeSpan.FromMilliseconds(parsed.GetValue(closeTimeout)),
        ConnectTimeout = TimeSpan.FromMilliseconds(parsed.GetValue(connectTimeout)),
        WithheldFeatures = withheld,
        SlowBy = parsed.GetValue(slowBy) / 100,
    });
});

ParseResult result = root.Parse(args);
if (result.Errors.Count > 0)
{
    foreach (System.CommandLine.Parsing.ParseError error in result.Errors)
    {
        Console.Error.WriteLine(error.Message);
    }

    return UsageError;
}

return result.Invoke();

static int Drive(string devicePath, DriverOptions options)
{
    if (options.CloseTimeout < TimeSpan.FromMilliseconds(1))
    {
        Console.Error.WriteLine($"--close-timeout-ms {options.CloseTimeout.TotalMilliseconds}: use 1 or more");
        return UsageError;
    }

    using StandardLine line = StandardLine.Open(out UnixStream agentLine);
    using ReferenceDriver driver = ReferenceDriver.Start(devicePath, agentLine, parts: null, options, Console.Error.WriteLine);
    using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
    using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
    driver.Wait();
    if (driver.Fault is { } fault)
    {
        Console.Error.WriteLine($"the driver failed: {fault}");
        return 1;
    }

    return 0;

    void Stop(PosixSignalContext context)
    {
        context.Cancel = true;
        driver.Stop();
    }
}

static int Serve(ReferenceOptions options)
{
    if (options.Validate() is { } defect)
    {
        Console.Error.WriteLine(defect);
        return UsageError;
    }

    ReferenceDevice device;
    try
    {
        device = ReferenceDevice.Start(options, log: Console.Error.WriteLine);
    }
    catch (ErrnoException e)
    {
        Console.Error.WriteLine($"cannot start: {e.Message}");
        return 1;
    }

    using (device)
    {
        using PosixSignalRegistration terminate = PosixSignalRegistration.Create(PosixSignal.SIGTERM, Stop);
        using PosixSignalRegistration interrupt = PosixSignalRegistration.Create(PosixSignal.SIGINT, Stop);
        Console.WriteLine("ready");
        device.Wait();

        void Stop(PosixSignalContext context)
        {
            context.Cancel = true;
            device.Stop();
        }
    }

    if (device.Fault is { } fault)
    {
        Console.Error.WriteLine($"the device failed: {fault}");
        return 1;
    }

    return 0;
}
