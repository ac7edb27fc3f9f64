using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Conformance.Tests;

/// <summary>One rule of the ioctl interface that a <see cref="FakeVhostKernel"/> can break.</summary>
public enum BrokenRule
{
    None,
    SecondOwnerTaken,
    RingWithoutOwner,
    CidNeedsOwner,
    ReservedCidTaken,
    CidCutTo32Bits,
    CidInUseTaken,
    CidKeptAfterClose,
    NotOfferedFeatureTaken,
    OfferedFeatureRefused,
    OddSizeTaken,
    HugeSizeTaken,
    BaseForgotten,
    HugeBaseTaken,
    WrongErrnoForIndex,
    MisalignedAvailTaken,
    MisalignedUsedTaken,
    UnknownFlagTaken,
    PaddingTaken,
    ManyRegionsTaken,
    WrappingRegionTaken,
    RunsWithoutRings,
    ResetOwnerTaken,
    NotOfferedBackendFeatureTaken,
    BackendFeatureMissing,
    TimeoutForgotten,
}

/// <summary>
/// The ioctl interface of vhost-vsock as drivers/vhost has it, without rings behind it: so that the cases about ioctls can be shown to fail on
/// a machine without such a kernel.
/// </summary>
internal sealed class FakeVhostKernel(BrokenRule broken) : IDeviceTarget
{
    private const int Perm = 1;
    private const int TooBig = 7;
    private const int Fault = 14;
    private const int Busy = 16;
    private const int Inval = 22;
    private const int NotTty = 25;
    private const int OpNotSupp = 95;
    private const int AddrInUse = 98;
    private const int NoBufs = 105;

    private const ulong Offered = (ulong)(VirtioFeatures.Version1 | VirtioFeatures.Seqpacket | VirtioFeatures.NotifyOnEmpty | VirtioFeatures.VhostLogAll
        | VirtioFeatures.AnyLayout | VirtioFeatures.IndirectDesc | VirtioFeatures.EventIdx | VirtioFeatures.AccessPlatform);

    private const int MaxRegions = 64;

    private readonly Dictionary<ulong, Opened> cids = [];

    public string Name => "fake";

    public string? Version => null;

    public TargetRole Role => TargetRole.Device;

    public string Transport => "vhost-kernel";

    public string? Digest => null;

    public IReadOnlyList<string>? Claims => null;

    public bool CanRestart => true;

    public ITargetInstance Start(TargetPlace place, CancellationToken cancellation) => new Instance(this, place.GuestCid);

    private sealed class Instance(FakeVhostKernel kernel, ulong guestCid) : IVhostKernelInstance
    {
        public ulong GuestCid => guestCid;

        public int? ProcessId => null;

        public bool HasExited => false;

        public string? ExitStatus => null;

        public IReadOnlyList<string> LastLines => [];

        public VhostKernelDevice Open() => new(new Opened(kernel));

        public IHostPeer OpenHost(Timeline timeline) => new HybridHostPeer(timeline, "/nowhere");

        public void Dispose()
        {
            // Nothing was started.
        }
    }

    private sealed class Opened(FakeVhostKernel kernel) : IControlFile
    {
        private readonly uint[] bases = new uint[VhostKernelDevice.QueueCount];
        private readonly uint[] timeouts = new uint[VhostKernelDevice.QueueCount];
        private bool owned;
        private ulong cid;

        public int Control(uint request) => Control(request, []);

        public int Control(uint request, Span<byte> argument)
        {
            VhostIoctl ioctl = (VhostIoctl)request;
            switch (ioctl)
            {
                case VhostIoctl.VsockSetGuestCid:
                    return kernel.Breaks(BrokenRule.CidNeedsOwner) && !owned ? Perm : SetCid(MemoryMarshal.Read<ulong>(argument));
                case VhostIoctl.GetFeatures:
                    MemoryMarshal.Write(argument, Offered);
                    return 0;
                case VhostIoctl.SetFeatures:
                    return SetFeatures(MemoryMarshal.Read<ulong>(argument));
                case VhostIoctl.GetBackendFeatures:
                    MemoryMarshal.Write(argument, kernel.Breaks(BrokenRule.BackendFeatureMissing) ? 0UL : 2UL);
                    return 0;
                case VhostIoctl.SetBackendFeatures:
                    return (MemoryMarshal.Read<ulong>(argument) & ~2UL) == 0 || kernel.Breaks(BrokenRule.NotOfferedBackendFeatureTaken) ? 0 : OpNotSupp;
                case VhostIoctl.SetOwner:
                    bool taken = owned && !kernel.Breaks(BrokenRule.SecondOwnerTaken);
                    owned = true;
                    return taken ? Busy : 0;
            }

            if (!owned && !kernel.Breaks(BrokenRule.RingWithoutOwner))
            {
                return Perm;
            }

            return ioctl switch
            {
                VhostIoctl.VsockSetRunning => MemoryMarshal.Read<int>(argument) == 0 || kernel.Breaks(BrokenRule.RunsWithoutRings) ? 0 : Fault,
                VhostIoctl.SetMemTable => SetMemory(argument),
                VhostIoctl.ResetOwner => kernel.Breaks(BrokenRule.ResetOwnerTaken) ? 0 : NotTty,
                _ => Ring(ioctl, argument),
            };
        }

        public void Dispose()
        {
            if (cid != 0 && !kernel.Breaks(BrokenRule.CidKeptAfterClose))
            {
                kernel.cids.Remove(cid);
            }
        }

        private int SetCid(ulong wanted)
        {
            if (kernel.Breaks(BrokenRule.CidCutTo32Bits))
            {
                wanted = (uint)wanted;
            }

            if ((wanted <= Cid.Host || wanted >= Cid.Any32) && !(wanted == Cid.Host && kernel.Breaks(BrokenRule.ReservedCidTaken)))
            {
                return Inval;
            }

            if (kernel.cids.TryGetValue(wanted, out Opened? other) && other != this && !kernel.Breaks(BrokenRule.CidInUseTaken))
            {
                return AddrInUse;
            }

            kernel.cids.Remove(cid);
            kernel.cids[wanted] = this;
            cid = wanted;
            return 0;
        }

        private int SetFeatures(ulong features)
        {
            if (kernel.Breaks(BrokenRule.OfferedFeatureRefused) && (features & (ulong)VirtioFeatures.EventIdx) != 0)
            {
                return OpNotSupp;
            }

            return (features & ~Offered) == 0 || kernel.Breaks(BrokenRule.NotOfferedFeatureTaken) ? 0 : OpNotSupp;
        }

        private int SetMemory(ReadOnlySpan<byte> table)
        {
            uint count = MemoryMarshal.Read<uint>(table);
            if (MemoryMarshal.Read<uint>(table[4..]) != 0 && !kernel.Breaks(BrokenRule.PaddingTaken))
            {
                return OpNotSupp;
            }

            if (count > MaxRegions)
            {
                return kernel.Breaks(BrokenRule.ManyRegionsTaken) ? 0 : TooBig;
            }

            for (int i = 0; i < count; i++)
            {
                VhostUserRegion region = VhostUserRegion.Read(table[(VhostUserRegion.Prefix + (i * VhostUserRegion.Size))..]);
                if (region.GuestAddress + region.Length < region.GuestAddress && !kernel.Breaks(BrokenRule.WrappingRegionTaken))
                {
                    return Fault;
                }
            }

            return 0;
        }

        private int Ring(VhostIoctl ioctl, Span<byte> argument)
        {
            VringState state = VringState.Read(argument);
            if (state.Index >= VhostKernelDevice.QueueCount)
            {
                return kernel.Breaks(BrokenRule.WrongErrnoForIndex) ? Inval : NoBufs;
            }

            switch (ioctl)
            {
                case VhostIoctl.SetVringNum:
                    bool odd = state.Number == 0 || (state.Number & (state.Number - 1)) != 0;
                    return (odd && !kernel.Breaks(BrokenRule.OddSizeTaken)) || (!odd && state.Number > 0xffff && !kernel.Breaks(BrokenRule.HugeSizeTaken)) ? Inval : 0;
                case VhostIoctl.SetVringBase:
                    if (state.Number > 0xffff && !kernel.Breaks(BrokenRule.HugeBaseTaken))
                    {
                        return Inval;
                    }

                    bases[state.Index] = kernel.Breaks(BrokenRule.BaseForgotten) ? 0 : state.Number;
                    return 0;
                case VhostIoctl.GetVringBase:
                    (state with { Number = bases[state.Index] }).Write(argument);
                    return 0;
                case VhostIoctl.SetVringBusyloopTimeout:
                    timeouts[state.Index] = kernel.Breaks(BrokenRule.TimeoutForgotten) ? 0 : state.Number;
                    return 0;
                case VhostIoctl.GetVringBusyloopTimeout:
                    (state with { Number = timeouts[state.Index] }).Write(argument);
                    return 0;
                case VhostIoctl.SetVringAddr:
                    return SetAddress(VringAddress.Read(argument));
                default:
                    return NotTty;
            }
        }

        private int SetAddress(VringAddress address)
        {
            if ((address.Flags & ~1u) != 0 && !kernel.Breaks(BrokenRule.UnknownFlagTaken))
            {
                return OpNotSupp;
            }

            bool avail = (address.Available & 1) != 0 && !kernel.Breaks(BrokenRule.MisalignedAvailTaken);
            bool used = ((address.Used | address.Log) & 3) != 0 && !kernel.Breaks(BrokenRule.MisalignedUsedTaken);
            return avail || used ? Inval : 0;
        }
    }

    private bool Breaks(BrokenRule rule) => broken == rule;
}
