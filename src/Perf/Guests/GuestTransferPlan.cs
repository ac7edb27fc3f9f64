using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Peers;
using Vsockspec.Perf.Workloads;

namespace Vsockspec.Perf.Guests;

/// <summary>One transfer between the guest and a host application, over a connection of its own, every byte compared at the receiving end.</summary>
/// <param name="Size">Bytes of a message: of the sender's system calls.</param>
internal sealed record GuestTransferPlan(Direction Direction, int Size)
{
    /// <summary>Bytes.</summary>
    public const int LargestMessage = 256 << 10;

    private const ulong Seed = 271;
    private const double Mebibyte = 1 << 20;

    /// <summary>Room of the guest's receive calls, in bytes: as that of the host application.</summary>
    private const int LeastRoom = 64 << 10;

    /// <summary>Messages are pieces of it, however long they are.</summary>
    private static readonly RepeatedSeed Stream = new(Seed, LargestMessage);

    private static readonly byte[] Zeros = new byte[LargestMessage];

    private int Room => Math.Max(LeastRoom, Size);

    /// <summary>MiB/s, by the clock of this machine.</summary>
    /// <exception cref="PerfException">The target did not carry it.</exception>
    public double Run(GuestExchange exchange, long total) => Direction == Direction.GuestToHost ? ToHost(exchange, total) : ToGuest(exchange, total);

    /// <summary>The same with vsock_perf in the guest, measured by the same clock at the same place, and what it says itself; both MiB/s.</summary>
    /// <exception cref="PerfException">The target did not carry it.</exception>
    /// <exception cref="GuestException">The program cannot be run, or says nothing that can be understood.</exception>
    public (double Rate, double Said) RunVsockPerf(GuestExchange exchange, long total) =>
        Direction == Direction.GuestToHost ? VsockPerfToHost(exchange, total) : VsockPerfToGuest(exchange, total);

    private double ToHost(GuestExchange exchange, long total)
    {
        (int fd, HostConnection host) = exchange.FromGuest();
        Task<GuestTransfer> sending = exchange.Agent.RepeatSend(fd, Seed, (ulong)total, Size, exchange.Limit);
        (long came, double rate) = exchange.Stream(host, sending).Consume(total, (place, data) => Stream.FirstDifference(place, data) < 0);
        GuestTransfer sent = GuestExchange.Done(sending);
        return came == total && sent.Result == new GuestResult(total, 0)
            ? rate
            : throw new PerfException($"of {total} bytes the guest sent {Described(sent)}, and {came} reached the host application");
    }

    private double ToGuest(GuestExchange exchange, long total)
    {
        (int fd, HostConnection host) = exchange.FromHost();
        Task<GuestTransfer> receiving = exchange.Agent.RepeatReceive(fd, Seed, (ulong)total, Room, exchange.Limit);
        HostStream stream = exchange.Stream(host, receiving);
        bool goes = stream.Expect(AgentProtocol.Ready);
        long begin = Stopwatch.GetTimestamp();
        for (long at = 0; at < total && goes; at += Size)
        {
            goes = stream.Send(Stream.At((ulong)at, (int)Math.Min(Size, total - at)));
        }

        goes = goes && stream.Expect(AgentProtocol.Acknowledgement);
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        GuestTransfer received = GuestExchange.Done(receiving);
        return goes && received.Result == new GuestResult(total, 0)
            ? total / Mebibyte / seconds
            : throw new PerfException(
                received.FirstDifference >= 0
                    ? $"byte {received.FirstDifference} of {total} reached the guest wrong"
                    : $"of {total} bytes {Described(received)} reached the guest");
    }

    private (double Rate, double Said) VsockPerfToHost(GuestExchange exchange, long total)
    {
        uint port = GuestExchange.NewPort();
        using HostListener listener = exchange.Listen(port);
        Task<GuestProgramEnd> program = exchange.Execute(VsockPerfWords.SenderArguments(GuestExchange.HostCid, port, total, Size));
        HostConnection host = exchange.Accept(listener, program) ?? throw Failed(GuestExchange.Done(program));
        (long came, double rate) = exchange.Stream(host, program).Consume(total, (_, data) => data.SequenceEqual(Zeros.AsSpan(0, data.Length)));
        VsockPerfWords words = Words(GuestExchange.Done(program), TransferEnd.Sender);
        return came == total && words.Bytes == total
            ? (rate, words.MebibytesPerSecond)
            : throw new PerfException($"vsock_perf sent {words.Bytes} of {total} bytes, and {came} reached the host application");
    }

    private (double Rate, double Said) VsockPerfToGuest(GuestExchange exchange, long total)
    {
        uint port = GuestExchange.NewPort();
        Task<GuestProgramEnd> program = exchange.Execute(VsockPerfWords.ReceiverArguments(port, Room, GuestExchange.SocketBuffer));
        HostConnection host = exchange.ConnectOnceItListens(port, program) ?? throw Failed(GuestExchange.Done(program));
        HostStream stream = exchange.Stream(host, program);
        bool goes = true;
        long begin = Stopwatch.GetTimestamp();
        for (long at = 0; at < total && goes; at += Size)
        {
            goes = stream.Send(Zeros.AsSpan(0, (int)Math.Min(Size, total - at)));
        }

        // The program reads no more as soon as poll(2) tells it of this, whatever is still to be read: what it says it received is what counts.
        host.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        Span<byte> rest = [0];
        if (stream.Receive(rest, endsWithCall: true) > 0)
        {
            throw new PerfException("data came from a program that only receives");
        }

        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        VsockPerfWords words = Words(GuestExchange.Done(program), TransferEnd.Receiver);
        return goes && words.Bytes > 0 && words.Bytes <= total && total - words.Bytes <= GuestExchange.SocketBuffer
            ? (words.Bytes / Mebibyte / seconds, words.MebibytesPerSecond)
            : throw new PerfException($"of {total} bytes vsock_perf received {words.Bytes}");
    }

    private static VsockPerfWords Words(GuestProgramEnd end, TransferEnd role) => !end.Succeeded
        ? throw Failed(end)
        : VsockPerfWords.Read(end.Output, role) ?? throw new GuestException($"vsock_perf does not say what it measured: {LastLine(end)}");

    /// <summary>A program that does not start is our trouble; one whose sockets failed is not.</summary>
    private static Exception Failed(GuestProgramEnd end) => !end.Result.Succeeded
        ? new GuestException($"vsock_perf in the guest: {end.Status}")
        : new PerfException($"vsock_perf in the guest: {end.Status}, \"{LastLine(end)}\"");

    private static string LastLine(GuestProgramEnd end) =>
        end.Output.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).LastOrDefault() ?? "no output";

    private static string Described(GuestTransfer transfer) =>
        transfer.Result.Succeeded ? $"{transfer.Result.Value}" : $"{transfer.Result.Value} ({new GuestResult(-1, transfer.Result.Errno)})";
}
