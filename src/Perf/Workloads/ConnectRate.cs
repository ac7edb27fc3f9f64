using System.Diagnostics;
using Vsockspec.Peers;
using Vsockspec.Perf.Comparing;
using Vsockspec.Perf.Limits;
using Vsockspec.Perf.Measuring;
using Vsockspec.Perf.Statistics;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Workloads;

/// <summary>
/// Connections one after the other: the guest asks, a host application accepts and closes, the guest sees the end and answers it. A port is used
/// once. Beside it the same through a Unix socket: connect, accept, close, the end seen.
/// </summary>
internal sealed class ConnectRate : IWorkload
{
    private const double Goal = 0.3;
    private const int First = 200;

    /// <summary>Guest ports are not used again in a session, and a run has to end.</summary>
    private const int Most = 50_000;
    private static readonly Figure Rate = new("stream/connect/rate", "one-by-one", "per second", Better.Higher, FigureRole.Gate);

    public string Kind => "connect";

    public string Name => Rate.Name;

    public IReadOnlyDictionary<string, string> Dimensions => new Dictionary<string, string> { ["socket"] = "stream", ["at-a-time"] = "1" };

    public VirtioFeatures Needs => 0;

    public Limit? Limit => new("unix-connect", Rate, Goal, connections => UnixConnect.PerSecond((int)connections));

    public static IEnumerable<IWorkload> Read(YamlMap map)
    {
        map.AllowOnly("workload");
        return [new ConnectRate()];
    }

    public long Prepare(Bench bench)
    {
        _ = Measure(bench, First);
        return Math.Clamp((long)(Measure(bench, First) * bench.Seconds), First, Most);
    }

    public void WarmUp(Bench bench, long volume) => _ = Measure(bench, (int)Math.Min(volume, First));

    public void Run(Bench bench, long volume, Sheet sheet) => sheet.Add(Rate, Measure(bench, (int)volume));

    /// <summary>Connections per second.</summary>
    private static double Measure(Bench bench, int times)
    {
        using Session session = new(bench, new Setting(Flows: 0), Pattern.Short);
        using Acceptor acceptor = new(session.Listener);
        GuestEnd guest = new(session.Driver, session.Listener.Port);
        session.Driver.Sink = guest;
        long start = Stopwatch.GetTimestamp();
        for (int i = 0; i < times; i++)
        {
            bench.Cancellation.ThrowIfCancellationRequested();
            guest.Ask();
            if (!session.Driver.Timeline.WaitUntil(() => guest.IsOver || acceptor.Fault is not null) || guest.Defect is not null || acceptor.Fault is not null)
            {
                throw new PerfException(guest.Defect ?? acceptor.Fault ?? $"connection {i} had not come and gone after {bench.Patience.TotalSeconds:0.###} s");
            }
        }

        double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        session.Check();
        return times / seconds;
    }

    /// <summary>The guest's end of one connection after the other.</summary>
    private sealed class GuestEnd(RawDriver driver, uint hostPort) : IPacketSink
    {
        private uint port;
        private bool isEstablished;

        /// <summary>The connection has come and gone, or something is wrong with it.</summary>
        public bool IsOver { get; private set; }

        public string? Defect { get; private set; }

        /// <summary>Asks for the next connection.</summary>
        public void Ask()
        {
            port = driver.NewGuestPort();
            isEstablished = false;
            IsOver = false;
            Send(Op.Request);
        }

        public void Received(in VsockHeader header, ReadOnlySpan<byte> payload, uint usedLength)
        {
            if (header.DstPort != port || IsOver)
            {
                // A device may say something late of a connection that is over.
                return;
            }

            switch (header.Op)
            {
                case Op.Response:
                    isEstablished = true;
                    break;
                case Op.Shutdown or Op.Rst when !isEstablished:
                    Fail($"a connection was refused: {header}");
                    break;
                case Op.Shutdown when ((ShutdownFlags)header.Flags).HasFlag(ShutdownFlags.Both):
                    Send(Op.Rst);
                    IsOver = true;
                    break;
                case Op.Rst:
                    IsOver = true;
                    break;
                case Op.Rw:
                    Fail($"data that nobody sent: {header}");
                    break;
            }
        }

        public void ReceivedShort(ReadOnlySpan<byte> bytes) => Fail("a packet shorter than a header");

        private void Fail(string what)
        {
            Defect ??= what;
            IsOver = true;
        }

        private void Send(Op op)
        {
            VsockHeader header = new()
            {
                SrcCid = driver.GuestCid,
                DstCid = Cid.Host,
                SrcPort = port,
                DstPort = hostPort,
                Type = SocketType.Stream,
                Op = op,
                BufAlloc = Setting.UsualWindow,
            };
            if (!driver.Tx.TrySend(header, [], out _))
            {
                Fail("the device does not return packets: the tx ring is full");
            }

            driver.Tx.Flush();
        }
    }
}
