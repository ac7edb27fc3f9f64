using Vsockspec.Wire;

namespace Vsockspec.Reference.Mutants;

/// <summary>Changes packets on their way to the guest.</summary>
internal sealed class Stamping(Func<VsockHeader, VsockHeader> change) : EgressRules
{
    internal override VsockHeader Stamp(VsockHeader header, Connection? flow) => change(header);
}

/// <summary>Misreads packets of the guest.</summary>
internal sealed class Misreading(Func<VsockHeader, VsockHeader> change) : IngressRules
{
    internal override VsockHeader Decode(ReadOnlySpan<byte> bytes) => change(base.Decode(bytes));
}

/// <summary>Takes packets for those of another flow.</summary>
internal sealed class Confusing(Func<FlowKey, FlowKey> change) : IngressRules
{
    internal override FlowKey FlowOf(in VsockHeader header) => change(base.FlowOf(header));
}
