using Vsockspec.Wire;

namespace Vsockspec.Reference;

/// <summary>Which flow a packet belongs to. Both CIDs are fixed for one device, so the ports and the type tell flows apart.</summary>
internal readonly record struct FlowKey(uint GuestPort, uint HostPort, SocketType Type)
{
    public override int GetHashCode() => unchecked((int)((GuestPort * 0x9e3779b1) ^ (HostPort * 0x85ebca6b) ^ (uint)Type));
}
