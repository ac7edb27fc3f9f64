using System.Net.Sockets;
using System.Text;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Harness.Tests.Targets;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>Calls for who measures, over Unix sockets; the agent is a process of this machine, where it opens no vsock sockets.</summary>
public sealed class MeasuredCallTests
{
    private const int UnixFamily = 1;
    private const int StreamType = 1;
    private const ulong Seed = 9;
    private const int BrokenPipe = 32;
    private const int NoSuchFile = 2;
    private const int FamilyNotSupported = 97;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private static readonly CallLimit Long = new(Patience);

    private LocalAgent _agent = null!;
    private Scratch _scratch = null!;
    private Socket _listener = null!;

    private AgentClient Client => _agent.Client;

    private string Path => System.IO.Path.Combine(_scratch.Path, "socket");

    [OneTimeSetUp]
    public void StartTheAgent()
    {
        _agent = LocalAgent.Start();
        _scratch = new Scratch();
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(Path));
        _listener.Listen(64);
    }

    [OneTimeTearDown]
    public void EndTheAgent()
    {
        _agent?.Dispose();
        _listener?.Dispose();
        _scratch?.Dispose();
    }

    [TearDown]
    public async Task CloseWhatIsLeft() => await Client.Reset();

    [Test]
    public async Task RepeatSend_OfMoreThanAPeriod_SendsTheRepeatedSeed()
    {
        const int Total = 200_000;
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            Task<GuestTransfer> sending = Client.RepeatSend(fd, Seed, Total, 50_000, Long);
            byte[] data = Receive(peer, Total);
            GuestTransfer sent = await sending;
            Assert.That((sent.Result, sent.FirstDifference, sent.Ended), Is.EqualTo((new GuestResult(Total, 0), -1L, false)));
            Assert.That(sent.Time, Is.GreaterThan(TimeSpan.Zero));
            Assert.That(new RepeatedSeed(Seed, Total).FirstDifference(0, data), Is.EqualTo(-1));
            Assert.That(data.AsSpan(AgentProtocol.RepeatPeriod, 1000).SequenceEqual(data.AsSpan(0, 1000)));
        }
    }

    [Test]
    public async Task RepeatReceive_OfAll_IsAcknowledgedOverTheConnection()
    {
        const int Total = 150_000;
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            Task<GuestTransfer> receiving = Client.RepeatReceive(fd, Seed, Total, 30_000, Long);
            Assert.That(Receive(peer, 1), Is.EqualTo(new[] { AgentProtocol.Ready }));
            peer.Send(new RepeatedSeed(Seed, Total).At(0, Total));
            Assert.That(Receive(peer, 1), Is.EqualTo(new[] { AgentProtocol.Acknowledgement }));
            GuestTransfer received = await receiving;
            Assert.That((received.Result, received.FirstDifference), Is.EqualTo((new GuestResult(Total, 0), -1L)));
        }
    }

    [Test]
    public async Task RepeatReceive_OfAWrongByte_EndsThereWithoutAcknowledgement()
    {
        const int Total = 100_000;
        const int Wrong = 70_123;
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            byte[] data = new RepeatedSeed(Seed, Total).At(0, Total).ToArray();
            data[Wrong] ^= 1;
            Task<GuestTransfer> receiving = Client.RepeatReceive(fd, Seed, Total, 10_000, Long);
            peer.Send(data);
            Assert.That((await receiving).FirstDifference, Is.EqualTo(Wrong));
            Assert.That(Receive(peer, 1), Is.EqualTo(new[] { AgentProtocol.Ready }));
            Assert.That(peer.Available, Is.Zero);
        }
    }

    [Test]
    public async Task RoundTrips_WithAnEcho_AreAllTimed()
    {
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            Task echo = Echo(peer, _ => { });
            GuestRoundTrips trips = await Client.RoundTrips(fd, Seed, 64, 1000, Long);
            Assert.That((trips.Result, trips.FirstDifference, trips.Latencies.Count), Is.EqualTo((new GuestResult(1000, 0), -1L, 1000L)));
            double sum = trips.Latencies.Buckets.Sum(b => (double)LatencyBuckets.Lowest(b.Bucket) * b.Count);
            Assert.That(sum, Is.LessThanOrEqualTo(trips.Time.TotalNanoseconds).And.GreaterThan(trips.Time.TotalNanoseconds * 0.9));
            peer.Shutdown(SocketShutdown.Both);
            await echo;
        }
    }

    [Test]
    public async Task RoundTrips_WithAWrongEcho_EndAtIt()
    {
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            int trip = 0;
            Task echo = Echo(peer, data => data[5] ^= (byte)(trip++ == 7 ? 1 : 0));
            GuestRoundTrips trips = await Client.RoundTrips(fd, Seed, 64, 1000, Long);
            Assert.That((trips.Result.Value, trips.FirstDifference), Is.EqualTo((8L, 7L)));
            peer.Shutdown(SocketShutdown.Both);
            await echo;
        }
    }

    [Test]
    public async Task RoundTrips_PeerEnds_TellWhatWasMeasured()
    {
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            Task<GuestRoundTrips> going = Client.RoundTrips(fd, Seed, 64, 1000, Long);
            for (int i = 0; i < 3; i++)
            {
                peer.Send(Receive(peer, 64));
            }

            peer.Shutdown(SocketShutdown.Send);
            GuestRoundTrips trips = await going;
            Assert.That((trips.Result, trips.Latencies.Count), Is.EqualTo((new GuestResult(3, BrokenPipe), 3L)));
        }
    }

    [Test]
    public async Task RoundTrips_Cancelled_TellWhatWasMeasured()
    {
        (int fd, Socket peer) = await Connect();
        using (peer)
        {
            using CancellationTokenSource cancel = new();
            Task<GuestRoundTrips> going = Client.RoundTrips(fd, Seed, 64, 1000, new CallLimit(Patience, cancel.Token));
            peer.Send(Receive(peer, 64));
            Assert.That(Receive(peer, 64), Has.Length.EqualTo(64));
            await cancel.CancelAsync();
            Assert.That((await going).Result, Is.EqualTo(new GuestResult(1, GuestResult.Interrupted)));
        }
    }

    [Test]
    public async Task Connects_ToAListener_AreAllTimedAndClosed()
    {
        Task<GuestConnects> connecting = Client.Connects(UnixFamily, Address(Path), 20, Long);
        for (int i = 0; i < 20; i++)
        {
            using Socket accepted = await _listener.AcceptAsync().WaitAsync(Patience);
            Assert.That(accepted.Receive(new byte[1]), Is.Zero);
        }

        GuestConnects connects = await connecting;
        Assert.That((connects.Result, connects.Latencies.Count), Is.EqualTo((new GuestResult(20, 0), 20L)));
        Assert.That(connects.Latencies.Lowest, Is.Positive);
        Assert.That(TimeSpan.FromMicroseconds(connects.Latencies.Highest / 1000), Is.LessThanOrEqualTo(connects.Time));
    }

    [Test]
    public async Task Connects_ToNobody_TellTheErrno()
    {
        GuestConnects connects = await Client.Connects(UnixFamily, Address(Path + "-not"), 20, Long);
        Assert.That((connects.Result, connects.Latencies.Buckets.Count), Is.EqualTo((new GuestResult(0, NoSuchFile), 0)));
    }

    [Test]
    public async Task Connects_OfVsockOutsideAGuest_AreRefused() =>
        Assert.That((await Client.Connects(new VsockAddress(2, 1), 1, Long)).Result, Is.EqualTo(new GuestResult(0, FamilyNotSupported)));

    [Test]
    public void Calls_OfNothing_AreMalformed()
    {
        Assert.That(async () => await Client.RoundTrips(3, Seed, 0, 1, Long), Throws.TypeOf<GuestException>().With.Message.Contains("did not understand"));
        Assert.That(async () => await Client.RoundTrips(3, Seed, AgentProtocol.RepeatPeriod + 1, 1, Long), Throws.TypeOf<GuestException>());
        Assert.That(async () => await Client.Connects(UnixFamily, Address(Path), 0, Long), Throws.TypeOf<GuestException>());
    }

    private static byte[] Address(string path) => [UnixFamily, 0, .. Encoding.UTF8.GetBytes(path), 0];

    private static byte[] Receive(Socket peer, int count)
    {
        byte[] data = new byte[count];
        for (int got = 0; got < count;)
        {
            int n = peer.Receive(data, got, count - got, SocketFlags.None);
            Assert.That(n, Is.Positive);
            got += n;
        }

        return data;
    }

    private static Task Echo(Socket peer, Action<byte[]> change) => Task.Run(() =>
    {
        byte[] data = new byte[64];
        while (peer.Receive(data) == data.Length)
        {
            change(data);
            peer.Send(data);
        }
    });

    private async Task<(int Fd, Socket Peer)> Connect()
    {
        int fd = (await Client.Socket(UnixFamily, StreamType, 0)).OrThrow("socket");
        (await Client.Connect(fd, Address(Path), Long)).OrThrow("connect");
        Socket peer = await _listener.AcceptAsync().WaitAsync(Patience);
        peer.ReceiveTimeout = (int)Patience.TotalMilliseconds;
        return (fd, peer);
    }
}
