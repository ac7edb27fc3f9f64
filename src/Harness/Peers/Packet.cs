using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>A packet that the device delivered.</summary>
/// <param name="Number">Counts from 1 in a session.</param>
/// <param name="UsedLength">The bytes that the device said it wrote.</param>
public sealed record Packet(int Number, VsockHeader Header, byte[] Payload, uint UsedLength)
{
    public Op Op => Header.Op;

    public override string ToString() => $"#{Number} {Header}";
}
