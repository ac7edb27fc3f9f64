using Vsockspec.Wire;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>What a relay between a driver and a device does with what passes. As it stands it changes nothing.</summary>
public sealed record RelayRule
{
    /// <summary>How often a packet of the device is delivered; 0 drops it. Called in order, on the relay's thread.</summary>
    public Func<VsockHeader, int> Deliveries { get; init; } = _ => 1;

    /// <summary>Changes the header of a packet of the device.</summary>
    public Func<VsockHeader, VsockHeader> Header { get; init; } = header => header;

    /// <summary>Changes the payload of a packet of the device.</summary>
    public Action<Span<byte>> Payload { get; init; } = _ => { };

    /// <summary>The used length told for an rx chain into which so many bytes were written.</summary>
    public Func<uint, uint> RxUsedLength { get; init; } = length => length;

    /// <summary>The used length told for a tx chain.</summary>
    public uint TxUsedLength { get; init; }

    /// <summary>False for a tx chain that is never returned; called with its number, from 1.</summary>
    public Func<long, bool> ReturnsTx { get; init; } = _ => true;

    /// <summary>False: the driver is never notified.</summary>
    public bool Notifies { get; init; } = true;
}
