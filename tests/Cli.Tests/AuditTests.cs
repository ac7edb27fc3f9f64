using System.Text.Json;
using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Wire;

namespace Vsockspec.Cli.Tests;

public sealed class AuditTests
{
    [Test]
    public void Capture_Legal_Passes()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("audit", Capture(terminal, Op.Request)), Is.Zero);
        Assert.That(terminal.Out, Does.StartWith("1 packets of guest 3 in 1 flows: 0 violations, 0 notes").And.Contains("not judged:"));
    }

    [Test]
    public void Capture_WithViolation_Fails()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("audit", Capture(terminal, (Op)9)), Is.EqualTo(1));
        Assert.That(terminal.Out, Does.StartWith("packet 1: violates VS-X-10: the guest's op is 9"));
    }

    [Test]
    public void Capture_AsJson_CanBeRead()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("audit", "--json", Capture(terminal, (Op)9)), Is.EqualTo(1));
        JsonElement finding = JsonDocument.Parse(terminal.Out).RootElement.GetProperty("findings")[0];
        Assert.That(finding.GetProperty("requirement").GetString(), Is.EqualTo("VS-X-10"));
        Assert.That(finding.GetProperty("severity").GetString(), Is.EqualTo("violation"));
    }

    [Test]
    public void Capture_OfSomethingElse_IsAUsageError()
    {
        using Terminal terminal = new();
        Assert.That(terminal.Run("audit", terminal.Write("f.pcapng", "hello")), Is.EqualTo(2));
        Assert.That(terminal.Error, Does.Contain("f.pcapng: at byte 0: the first number"));
    }

    private static string Capture(Terminal terminal, Op op)
    {
        string path = terminal.PathOf("c.pcapng");
        using FileStream file = File.Create(path);
        using PcapngWriter writer = new(file, "test");
        byte[] packet = new byte[VsockHeader.Size];
        new VsockHeader { SrcCid = 3, DstCid = 2, Type = SocketType.Stream, Op = op }.Write(packet);
        writer.Write(0, PacketDirection.Unknown, packet, (uint)packet.Length);
        return path;
    }
}
