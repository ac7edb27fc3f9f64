namespace Vsockspec.Wire;

/// <summary>Context identifiers with a meaning of their own, virtio 1.4 section 5.10.4 and <c>linux/vm_sockets.h</c>.</summary>
public static class Cid
{
    public const ulong Hypervisor = 0;
    public const ulong Local = 1;
    public const ulong Host = 2;
    public const ulong Any32 = 0xffff_ffff;
    public const ulong Any64 = ulong.MaxValue;

    /// <summary>True for the values that a device must not hand out as <c>guest_cid</c> (section 5.10.6.4.2).</summary>
    public static bool IsReserved(ulong cid) => cid is Hypervisor or Local or Host or Any32 or Any64;
}
