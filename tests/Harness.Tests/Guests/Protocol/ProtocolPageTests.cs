using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Tests;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Guests.Protocol;

/// <summary>docs/agent-protocol.md says what the code does: its frames are those that are written and read, its numbers those of the enumerations.</summary>
[Parallelizable(ParallelScope.All)]
public sealed partial class ProtocolPageTests
{
    private const int ConnectionReset = 104;
    private const int BadAddress = 14;
    private const int NoSuchCall = 38;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly string Page = File.ReadAllText(Repository.PathOf("docs/agent-protocol.md"));
    private static readonly (string Name, string[] Lines)[] Blocks = [.. HexBlock().Matches(Page).Select(m => (m.Groups[1].Value, m.Groups[2].Value.Split('\n')))];

    private static IEnumerable<string> Frames => Blocks.Select(block => block.Name).Where(name => !name.Contains(' ', StringComparison.Ordinal) && name != "crc-32c");

    private static IEnumerable<TestCaseData> Exchanges()
    {
        yield return Exchange<GuestResult>("socket", c => c.Socket(SocketType.Stream), r => Assert.That(r, Is.EqualTo(new GuestResult(5, 0))));
        yield return Exchange<GuestResult>("connect", c => c.Connect(5, new VsockAddress(2, 1234)), r => Assert.That(r, Is.EqualTo(new GuestResult(-1, ConnectionReset))));
        yield return Exchange<GuestResult>("send", c => c.Send(5, [.. "hello"u8], layout: [2, 3]), r => Assert.That(r, Is.EqualTo(new GuestResult(5, 0))));
        yield return Exchange<GuestResult>(
            "send-seeded", c => c.SendSeeded(5, 5, 3, [100, BufferPart.Unmapped(100), 100]), r => Assert.That(r, Is.EqualTo(new GuestResult(-1, BadAddress))));
        yield return Exchange<GuestReceived>("receive", c => c.Receive(5, 16), r =>
        {
            Assert.That((r.Result, r.MessageFlags, r.FirstDifference, r.Checksum), Is.EqualTo((new GuestResult(5, 0), 0, -1, Checksum.Of("hello"u8))));
            Assert.That(r.Control, Is.Empty);
            Assert.That(r.Data, Is.EqualTo("hello"u8.ToArray()));
        });
        yield return Exchange<GuestAddressResult>("accept", c => c.Accept(4), r =>
        {
            Assert.That(r.Result, Is.EqualTo(new GuestResult(-1, GuestResult.Interrupted)));
            Assert.That(r.Address, Is.Empty);
        });
        yield return Exchange<GuestValue<uint>>(
            "local-cid", c => c.LocalCid(), r => Assert.That((r.Result, r.Value), Is.EqualTo((new GuestResult(-1, NoSuchCall), 0u))), "local-cid-unsupported");
        yield return Exchange<GuestTransfer>(
            "repeat-send",
            c => c.RepeatSend(5, 5, 1 << 20, 65536),
            r => Assert.That(r, Is.EqualTo(new GuestTransfer(new GuestResult(1 << 20, 0), TimeSpan.FromMilliseconds(2.5), 16, 0, -1, false))));
        yield return Exchange<GuestTransfer>(
            "repeat-receive",
            c => c.RepeatReceive(5, 5, 1 << 20, 65536),
            r => Assert.That(r, Is.EqualTo(new GuestTransfer(new GuestResult(131072, 0), TimeSpan.FromMilliseconds(2.5), 2, 0, 70_000, false))));
        yield return Exchange<GuestRoundTrips>("round-trips", c => c.RoundTrips(5, 5, 64, 3), r =>
        {
            Assert.That((r.Result, r.Time, r.FirstDifference), Is.EqualTo((new GuestResult(3, 0), TimeSpan.FromMicroseconds(1316), -1L)));
            Assert.That((r.Latencies.Lowest, r.Latencies.Highest), Is.EqualTo((40_100L, 1_234_567L)));
            Assert.That(r.Latencies.Buckets, Is.EqualTo(new[] { (LatencyBuckets.Of(40_100), 2u), (LatencyBuckets.Of(1_234_567), 1u) }));
        });
        yield return Exchange<GuestConnects>("connects", c => c.Connects(new VsockAddress(2, 1234), 100), r =>
        {
            Assert.That((r.Result, r.Time), Is.EqualTo((new GuestResult(0, ConnectionReset), TimeSpan.FromMicroseconds(90))));
            Assert.That((r.Latencies.Lowest, r.Latencies.Highest, r.Latencies.Buckets.Count), Is.EqualTo((0L, 0L, 0)));
        });
    }

    [TestCaseSource(nameof(Frames))]
    public void Frame_OfThePage_IsReadAndWrittenTheSame(string name)
    {
        byte[] bytes = Bytes(name);
        FrameReader reader = new();
        reader.Add(bytes);
        Assert.That(reader.TryRead(out Frame frame), Is.True);
        Assert.That((reader.Skipped, reader.IsHalfway), Is.EqualTo((0L, false)));
        Assert.That(FrameWriter.ToBytes(frame.Kind, frame.Id, frame.Payload), Is.EqualTo(bytes));
    }

    [Test]
    public void Hello_OfThePage_IsTheWriters()
    {
        AgentHello hello = new("6.1.0", TimeSpan.FromSeconds(1.5), ["module /lib/vsockspec/vsock.ko: errno 2"]);
        MessageWriter writer = new();
        hello.Write(writer);
        Assert.That(Bytes("hello"), Is.EqualTo(FrameWriter.ToBytes(FrameKind.Hello, 0, writer.Written)));
    }

    [TestCaseSource(nameof(Exchanges))]
    public Task Exchange_OfThePage_IsTheClients(Func<Task> exchange) => exchange();

    [Test]
    public async Task Cancel_OfThePage_IsTheClients()
    {
        using Line line = new();
        using CancellationTokenSource stop = new();
        Task<GuestAddressResult> call = line.Client.Accept(4, new CallLimit(Patience, stop.Token));
        Assert.That(line.Read(), Is.EqualTo(Bytes("accept-request")));
        await stop.CancelAsync();
        Assert.That(line.Read(), Is.EqualTo(Bytes("accept-cancel")));
        line.Write(Bytes("accept-reply"));
        Assert.That((await call.WaitAsync(Patience)).Result.Errno, Is.EqualTo(GuestResult.Interrupted));
    }

    [Test]
    public async Task Ping_OfThePage_IsWhatTheClientAsksASilentAgent()
    {
        using Line line = new();
        Task<GuestResult> call = line.Client.Ping();
        _ = line.Read();
        Assert.That(line.Read(), Is.EqualTo(Bytes("ping-request")));
        line.Write(Bytes("ping-reply"));
        line.Write(FrameWriter.ToBytes(FrameKind.Reply, 1, new MessageWriter().Add(0L).Add(0).Written));
        Assert.That((await call.WaitAsync(Patience)).Succeeded, Is.True);
    }

    [Test]
    public void MalformedReply_OfThePage_IsTakenForThat()
    {
        using Line line = new();
        Task<GuestResult> call = line.Client.Ping();
        _ = line.Read();
        line.Write(Bytes("malformed-reply"));
        Assert.That(async () => await call.WaitAsync(Patience), Throws.TypeOf<GuestException>().With.Message.Contains("did not understand"));
    }

    [Test]
    public void BusyReply_ToACallWithFurtherFields_IsARefusal()
    {
        using Line line = new();
        Task<GuestValue<uint>> call = line.Client.LocalCid();
        _ = line.Read();
        line.Write(Bytes("busy-reply"));
        Assert.That(async () => await call.WaitAsync(Patience), Throws.TypeOf<GuestException>().With.Message.EqualTo("the agent refused LocalCid: 512 calls are under way (EAGAIN)"));
    }

    [Test]
    public void BusyReply_ToACallWithoutFurtherFields_IsItsErrno()
    {
        using Line line = new();
        Task<GuestResult> call = line.Client.Ping();
        _ = line.Read();
        line.Write(Bytes("busy-reply"));
        Assert.That(async () => await call.WaitAsync(Patience), Is.EqualTo(new GuestResult(-1, 11)));
    }

    [Test]
    public void SeedStream_OfThePage_IsTheCodes()
    {
        string[] names = [.. Blocks.Select(block => block.Name).Where(name => name.StartsWith("seed-stream ", StringComparison.Ordinal))];
        Assert.That(names, Has.Length.GreaterThan(2));
        foreach (string name in names)
        {
            string[] words = name.Split(' ');
            byte[] expected = Bytes(name);
            byte[] made = new byte[expected.Length];
            SeedStream.Fill(ulong.Parse(words[1], CultureInfo.InvariantCulture), ulong.Parse(words[2], CultureInfo.InvariantCulture), made);
            Assert.That(made, Is.EqualTo(expected), name);
        }
    }

    [Test]
    public void Checksum_OfThePage_IsTheCodes()
    {
        string[] lines = Blocks.Single(block => block.Name == "crc-32c").Lines;
        Assert.That(lines, Has.Length.GreaterThan(2));
        foreach (string line in lines)
        {
            string[] sides = WithoutComment(line).Split('=', StringSplitOptions.TrimEntries);
            Assert.That(Checksum.Of(Parse(sides[0])), Is.EqualTo(uint.Parse(sides[1], NumberStyles.HexNumber, CultureInfo.InvariantCulture)), line);
        }
    }

    [Test]
    public void Calls_OfTheCode_EachHaveARowAndASection()
    {
        string[] calls = [.. Enum.GetValues<AgentCall>().Order().Select(call => $"{(int)call} {call}")];
        Assert.That(CallRow().Matches(Page).Select(m => $"{m.Groups[1].Value} {m.Groups[2].Value}"), Is.EqualTo(calls));
        Assert.That(CallSection().Matches(Page).Select(m => m.Groups[1].Value), Is.EqualTo(calls));
    }

    [Test]
    public void Kinds_OfTheCode_EachHaveARow()
    {
        foreach (FrameKind kind in Enum.GetValues<FrameKind>())
        {
            Assert.That(Page, Does.Contain($"\n| {(int)kind} | {kind} | "));
        }
    }

    [Test]
    public void Limits_OfTheCode_EachHaveARow()
    {
        foreach (FieldInfo field in typeof(AgentProtocol).GetFields(BindingFlags.Public | BindingFlags.Static).Where(f => f.FieldType != typeof(string)))
        {
            Assert.That(Page, Does.Contain(string.Create(CultureInfo.InvariantCulture, $"\n| {field.Name} | {field.GetRawConstantValue()} |")));
        }
    }

    /// <summary>The client makes the request of the page, is given the reply of the page, and finds in it what the page says.</summary>
    private static TestCaseData Exchange<T>(string name, Func<AgentClient, Task<T>> make, Action<T> check, string? reply = null) => new TestCaseData(async () =>
    {
        using Line line = new();
        Task<T> call = make(line.Client);
        Assert.That(line.Read(), Is.EqualTo(Bytes($"{name}-request")));
        line.Write(Bytes($"{reply ?? name}-reply"));
        check(await call.WaitAsync(Patience));
    }).SetArgDisplayNames(name);

    private static byte[] Bytes(string name) => [.. Blocks.Single(block => block.Name == name).Lines.SelectMany(line => Parse(WithoutComment(line)))];

    private static byte[] Parse(string digits) => Convert.FromHexString(digits.Replace(" ", "", StringComparison.Ordinal));

    private static string WithoutComment(string line) => line.Split('#')[0];

    [GeneratedRegex("^```hex (.+)\n((?:[^`].*\n?)+?)\n```$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex HexBlock();

    [GeneratedRegex(@"^\| (\d+) \| ([A-Z]\w+) \| (?:yes|no|until)\b", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex CallRow();

    [GeneratedRegex(@"^### (\d+ \w+)$", RegexOptions.Multiline | RegexOptions.CultureInvariant)]
    private static partial Regex CallSection();

    /// <summary>A client and the other end of its line.</summary>
    private sealed class Line : IDisposable
    {
        private readonly UnixStream _agent;

        public Line()
        {
            (UnixStream ours, _agent) = UnixStream.Pair();
            Client = new AgentClient(new AgentConnection(ours, () => ""));
        }

        public AgentClient Client { get; }

        public void Write(ReadOnlySpan<byte> bytes) => Assert.That(_agent.Send(bytes).Count, Is.EqualTo(bytes.Length));

        /// <summary>The next frame, as the bytes that came.</summary>
        public byte[] Read()
        {
            Deadline deadline = Deadline.In(Patience);
            byte[] piece = new byte[1];
            FrameReader reader = new();
            List<byte> held = [];
            while (!reader.TryRead(out _))
            {
                Assert.That(_agent.Wait(PollEvents.Readable, deadline), Is.True, "no frame came");
                Assert.That(_agent.Receive(piece).Count, Is.EqualTo(1));
                reader.Add(piece);
                held.AddRange(piece);
            }

            return [.. held];
        }

        public void Dispose()
        {
            Client.Dispose();
            _agent.Dispose();
        }
    }
}
