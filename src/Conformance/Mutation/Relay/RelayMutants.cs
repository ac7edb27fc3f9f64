using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Mutation.Relay;

/// <summary>Devices that cannot be changed themselves, with one rule broken on the way.</summary>
public static class RelayMutants
{
    private static readonly (string Id, string Breaks, string Summary, Func<RelayRule> Rule)[] All =
    [
        ("relay-drops-credit-update", "VS-X-24", "Drops every CREDIT_UPDATE of the device.", () => Dropping(Op.CreditUpdate)),
        ("relay-drops-response", "VS-X-28", "Drops every RESPONSE of the device.", () => Dropping(Op.Response)),
        ("relay-drops-rst", "VS-X-29", "Drops every RST of the device.", () => Dropping(Op.Rst)),
        ("relay-drops-shutdown", "VS-X-34", "Drops every SHUTDOWN of the device.", () => Dropping(Op.Shutdown)),
        ("relay-changes-data", "VS-X-17", "Changes the last byte of every payload.", () => new RelayRule { Payload = ChangeLast }),
        ("relay-repeats-data", "VS-X-17", "Delivers every RW twice.", () => new RelayRule { Deliveries = header => header.Op == Op.Rw ? 2 : 1 }),
        ("relay-wrong-source-cid", "VS-X-15", "Gives another source CID.", () => new RelayRule { Header = header => header with { SrcCid = header.SrcCid + 1 } }),
        ("relay-wrong-type", "VS-X-16", "Gives the wrong socket type in RESPONSE.", () => new RelayRule { Header = WrongType }),
        ("relay-fwd-cnt-stands", "VS-CRED-DEV-2", "Tells fwd_cnt 0 for ever.", () => new RelayRule { Header = header => header with { FwdCnt = 0 } }),
        ("relay-rx-used-length", "VQ-16", "Tells one byte more than was written into an rx chain.", () => new RelayRule { RxUsedLength = length => length + 1 }),
        ("relay-tx-used-length", "VQ-16", "Tells that something was written into tx chains.", () => new RelayRule { TxUsedLength = 1 }),
        ("relay-keeps-tx-chain", "VQ-18", "Never returns the fifth tx chain.", () => new RelayRule { ReturnsTx = number => number != 5 }),
        ("relay-never-notifies", "VQ-12", "Never notifies the driver.", () => new RelayRule { Notifies = false }),
    ];

    /// <summary>The mutants of a target.</summary>
    public static IReadOnlyList<Suspect> Of(IDeviceTarget target) =>
        [.. All.Select(m => new Suspect(m.Id, m.Breaks, m.Summary, () => new RelayedTarget(target, m.Rule)))];

    /// <summary>The target behind a relay that changes nothing: a case that fails on it says nothing about a mutant.</summary>
    public static Suspect Honest(IDeviceTarget target) => new("relay", "", "Changes nothing.", () => new RelayedTarget(target, () => new RelayRule()));

    private static RelayRule Dropping(Op op) => new() { Deliveries = header => header.Op == op ? 0 : 1 };

    private static VsockHeader WrongType(VsockHeader header) =>
        header.Op == Op.Response ? header with { Type = header.Type == SocketType.Stream ? SocketType.Seqpacket : SocketType.Stream } : header;

    private static void ChangeLast(Span<byte> payload)
    {
        if (!payload.IsEmpty)
        {
            payload[^1] ^= 0x40;
        }
    }
}
