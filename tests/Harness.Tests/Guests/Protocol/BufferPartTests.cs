using NUnit.Framework;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Harness.Tests.Guests.Protocol;

public sealed class BufferPartTests
{
    [TestCase(0)]
    [TestCase(1)]
    [TestCase(AgentProtocol.MaxSeeded)]
    public void Part_WithoutMemory_KeepsItsLength(int length)
    {
        Assert.Multiple(() =>
        {
            Assert.That(BufferPart.IsUnmapped(BufferPart.Unmapped(length)), Is.True);
            Assert.That(BufferPart.LengthOf(BufferPart.Unmapped(length)), Is.EqualTo(length));
            Assert.That(BufferPart.IsUnmapped(length), Is.False);
            Assert.That(BufferPart.LengthOf(length), Is.EqualTo(length));
        });
    }
}
