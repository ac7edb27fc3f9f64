namespace Vsockspec.Transports;

/// <summary>The requests of /dev/vhost-vsock, <c>linux/vhost.h</c>. The value is the ioctl number with its direction and size.</summary>
public enum VhostIoctl : uint
{
    /// <summary>Answers a u64 of feature bits.</summary>
    GetFeatures = 0x8008_af00,

    /// <summary>A u64 of feature bits.</summary>
    SetFeatures = 0x4008_af00,

    SetOwner = 0x0000_af01,
    ResetOwner = 0x0000_af02,

    /// <summary><c>struct vhost_memory</c> and its regions.</summary>
    SetMemTable = 0x4008_af03,

    /// <summary>A u64: the address of the dirty log in this process.</summary>
    SetLogBase = 0x4008_af04,

    /// <summary>An int: an eventfd that is signalled when the log is written.</summary>
    SetLogFd = 0x4004_af07,

    /// <summary><c>struct vhost_vring_state</c>: entries.</summary>
    SetVringNum = 0x4008_af10,

    /// <summary><c>struct vhost_vring_addr</c>.</summary>
    SetVringAddr = 0x4028_af11,

    /// <summary><c>struct vhost_vring_state</c>: the next available index to look at.</summary>
    SetVringBase = 0x4008_af12,

    /// <summary><c>struct vhost_vring_state</c>, answered in place.</summary>
    GetVringBase = 0xc008_af12,

    /// <summary><c>struct vhost_vring_file</c>; descriptor -1 unbinds.</summary>
    SetVringKick = 0x4008_af20,
    SetVringCall = 0x4008_af21,
    SetVringErr = 0x4008_af22,

    /// <summary><c>struct vhost_vring_state</c>: microseconds.</summary>
    SetVringBusyloopTimeout = 0x4008_af23,

    /// <summary>Answers <c>struct vhost_vring_state</c> although its number says that it only takes one.</summary>
    GetVringBusyloopTimeout = 0x4008_af24,

    /// <summary>A u64 of VHOST_BACKEND_F_ bits.</summary>
    SetBackendFeatures = 0x4008_af25,

    /// <summary>Answers a u64 of VHOST_BACKEND_F_ bits.</summary>
    GetBackendFeatures = 0x8008_af26,

    /// <summary>A u64.</summary>
    VsockSetGuestCid = 0x4008_af60,

    /// <summary>An int: 1 runs, 0 stops.</summary>
    VsockSetRunning = 0x4004_af61,
}

/// <summary>Names of requests as <c>linux/vhost.h</c> has them.</summary>
public static class VhostIoctls
{
    /// <summary><c>VHOST_SET_OWNER</c>.</summary>
    public static string Name(VhostIoctl request) => request switch
    {
        VhostIoctl.GetFeatures => "VHOST_GET_FEATURES",
        VhostIoctl.SetFeatures => "VHOST_SET_FEATURES",
        VhostIoctl.SetOwner => "VHOST_SET_OWNER",
        VhostIoctl.ResetOwner => "VHOST_RESET_OWNER",
        VhostIoctl.SetMemTable => "VHOST_SET_MEM_TABLE",
        VhostIoctl.SetLogBase => "VHOST_SET_LOG_BASE",
        VhostIoctl.SetLogFd => "VHOST_SET_LOG_FD",
        VhostIoctl.SetVringNum => "VHOST_SET_VRING_NUM",
        VhostIoctl.SetVringAddr => "VHOST_SET_VRING_ADDR",
        VhostIoctl.SetVringBase => "VHOST_SET_VRING_BASE",
        VhostIoctl.GetVringBase => "VHOST_GET_VRING_BASE",
        VhostIoctl.SetVringKick => "VHOST_SET_VRING_KICK",
        VhostIoctl.SetVringCall => "VHOST_SET_VRING_CALL",
        VhostIoctl.SetVringErr => "VHOST_SET_VRING_ERR",
        VhostIoctl.SetVringBusyloopTimeout => "VHOST_SET_VRING_BUSYLOOP_TIMEOUT",
        VhostIoctl.GetVringBusyloopTimeout => "VHOST_GET_VRING_BUSYLOOP_TIMEOUT",
        VhostIoctl.SetBackendFeatures => "VHOST_SET_BACKEND_FEATURES",
        VhostIoctl.GetBackendFeatures => "VHOST_GET_BACKEND_FEATURES",
        VhostIoctl.VsockSetGuestCid => "VHOST_VSOCK_SET_GUEST_CID",
        VhostIoctl.VsockSetRunning => "VHOST_VSOCK_SET_RUNNING",
        _ => $"0x{(uint)request:x}",
    };
}
