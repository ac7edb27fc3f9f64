using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Guests;

/// <summary>The client's end of the line, against an agent that the test plays.</summary>
[Parallelizable(ParallelScope.All)]
public sealed class AgentConnectionTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Test]
    public async Task Hello_AfterConsoleNoise_IsRead()
    {
        using FakeAgent agent = new();
        agent.Write("[    0.000000] Linux version 6.1\r\n"u8);
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        Assert.That((await agent.Client.Hello.WaitAsync(Patience)).Release, Is.EqualTo("6.1.0"));
    }

    [Test]
    public void Hello_OfAnotherVersion_SaysBothVersions()
    {
        using FakeAgent agent = new();
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes(), version: 9));
        Assert.That(
            async () => await agent.Client.Hello.WaitAsync(Patience),
            Throws.TypeOf<GuestLostException>().With.Message.Contains("version 9").And.Message.Contains($"version {AgentProtocol.Version}"));
    }

    [Test]
    public void Call_WhenTheLineEnds_FailsAtOnceWithTheConsole()
    {
        using FakeAgent agent = new();
        Task<GuestResult> call = agent.Client.Ping();
        agent.HangUp();
        Assert.That(async () => await call.WaitAsync(Patience), Throws.TypeOf<GuestLostException>().With.Message.Contains("the console's end"));
        Assert.That(async () => await agent.Client.Ping(), Throws.TypeOf<GuestLostException>());
    }

    [Test]
    public void Call_WhenTheAgentIsSilent_FailsAfterTheTimeForThat()
    {
        using FakeAgent agent = new(TimeSpan.FromSeconds(2));
        Assert.That(
            async () => await agent.Client.Accept(3, new CallLimit(TimeSpan.FromMinutes(5))).WaitAsync(Patience),
            Throws.TypeOf<GuestLostException>().With.Message.Contains("has not answered"));
    }

    [Test]
    public void Call_WithAnAnswerOfTheWrongShape_IsRefused()
    {
        using FakeAgent agent = new();
        Task<GuestValue<uint>> call = agent.Client.LocalCid();
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 1, new MessageWriter().Add(0L).Add(0).Add((byte)1).Written));
        Assert.That(async () => await call.WaitAsync(Patience), Throws.TypeOf<GuestException>().With.Message.Contains("LocalCid"));
    }

    [Test]
    public async Task Calls_AnsweredInAnotherOrder_GetTheirOwnAnswers()
    {
        using FakeAgent agent = new();
        Task<GuestResult> first = agent.Client.Ping();
        Task<GuestResult> second = agent.Client.Ping();
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 77, new MessageWriter().Add(0L).Add(0).Written));
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 2, new MessageWriter().Add(22L).Add(0).Written));
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 1, new MessageWriter().Add(-1L).Add(11).Written));
        Assert.That(await first.WaitAsync(Patience), Is.EqualTo(new GuestResult(-1, 11)));
        Assert.That(await second.WaitAsync(Patience), Is.EqualTo(new GuestResult(22, 0)));
    }

    [Test]
    public async Task Restart_NextAgentSaysHello_CallsOfTheOneBeforeAreLost_AndNewOnesAreServed()
    {
        using FakeAgent agent = new(TimeSpan.FromSeconds(2));
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        await agent.Client.Hello.WaitAsync(Patience);
        Task<GuestAddressResult> before = agent.Client.Accept(3, new CallLimit(TimeSpan.FromMinutes(5)));
        Task<AgentHello> restart = agent.Client.Restart(Patience);
        agent.Write("SeaBIOS (version 1.16)\r\n"u8);
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes("6.12.0")));

        Assert.That((await restart.WaitAsync(Patience)).Release, Is.EqualTo("6.12.0"));
        Assert.That(async () => await before.WaitAsync(Patience), Throws.TypeOf<GuestLostException>().With.Message.Contains("has started anew"));
        Task<GuestResult> after = agent.Client.Ping();
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 3, new MessageWriter().Add(0L).Add(0).Written));
        Assert.That((await after.WaitAsync(Patience)).Succeeded);
    }

    [Test]
    public async Task Restart_TakesLongerThanAnAgentMayBeSilent_IsWaitedFor()
    {
        using FakeAgent agent = new(TimeSpan.FromMilliseconds(1));
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        await agent.Client.Hello.WaitAsync(Patience);
        TimeSpan limit = TimeSpan.FromSeconds(1.5);

        Assert.That(
            async () => await agent.Client.Restart(limit).WaitAsync(Patience),
            Throws.TypeOf<GuestTimeoutException>().With.Message.EqualTo("the guest did not start anew within 1.5 s; the console's end"));
    }

    [Test]
    public void Restart_Refused_SaysWhy()
    {
        using FakeAgent agent = new();
        Task<AgentHello> restart = agent.Client.Restart(Patience);
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 1, new MessageWriter().Add(-1L).Add(1).Written));
        Assert.That(async () => await restart.WaitAsync(Patience), Throws.TypeOf<GuestCallException>().With.Message.Contains("reboot"));
    }

    [Test]
    public void Restart_LineEnds_IsALostGuest()
    {
        using FakeAgent agent = new();
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        Task<AgentHello> restart = agent.Client.Restart(Patience);
        agent.HangUp();
        Assert.That(async () => await restart.WaitAsync(Patience), Throws.TypeOf<GuestLostException>().With.Message.Contains("the console's end"));
    }

    [Test]
    public async Task Hello_SaidAgain_LosesNoCall()
    {
        using FakeAgent agent = new();
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        await agent.Client.Hello.WaitAsync(Patience);
        Task<GuestResult> call = agent.Client.Ping();
        agent.Write(FrameWriter.ToBytes(FrameKind.Hello, 0, HelloBytes()));
        agent.Write(FrameWriter.ToBytes(FrameKind.Reply, 1, new MessageWriter().Add(0L).Add(0).Written));
        Assert.That((await call.WaitAsync(Patience)).Succeeded);
    }

    private static byte[] HelloBytes(string release = "6.1.0")
    {
        MessageWriter writer = new();
        new AgentHello(release, TimeSpan.FromSeconds(1), []).Write(writer);
        return writer.Written.ToArray();
    }

    private sealed class FakeAgent : IDisposable
    {
        private readonly UnixStream _line;

        public FakeAgent(TimeSpan? lostAfter = null)
        {
            (UnixStream ours, _line) = UnixStream.Pair();
            Client = new AgentClient(new AgentConnection(ours, () => "; the console's end", lostAfter));
        }

        public AgentClient Client { get; }

        public void Write(ReadOnlySpan<byte> bytes) => Assert.That(_line.Send(bytes).Count, Is.EqualTo(bytes.Length));

        public void HangUp() => _line.Shutdown();

        public void Dispose()
        {
            Client.Dispose();
            _line.Dispose();
        }
    }
}
