using Vsockspec.Wire;

namespace Vsockspec.Reference.Driver;

/// <summary>A flow as this guest tells it from others; the CIDs are always the guest's and the host's (virtio 1.4 section 5.10.6.2).</summary>
internal readonly record struct DriverFlowKey(uint LocalPort, uint HostPort, SocketType Type);
