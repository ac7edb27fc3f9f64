namespace Vsockspec.Interop;

/// <summary>
/// The right to use AF_VSOCK sockets on this machine. On a machine that is itself a guest the family belongs to the machine's own device, and
/// whoever connects there talks to its hypervisor. So it is used only to reach a device of ours in this machine's kernel: without
/// /dev/vhost-vsock there is no permit, and without a permit no socket.
/// </summary>
public sealed class VsockPermit
{
    /// <summary>The device whose presence makes this machine a vsock host.</summary>
    public const string DeviceNode = "/dev/vhost-vsock";

    private VsockPermit()
    {
    }

    /// <exception cref="VsockRefusedException">This machine's kernel is no vsock host.</exception>
    public static VsockPermit Obtain() => Obtain(DeviceNode);

    /// <param name="deviceNode">Given by the target; it has to be there.</param>
    /// <exception cref="VsockRefusedException">It is not.</exception>
    public static VsockPermit Obtain(string deviceNode) => File.Exists(deviceNode)
        ? new VsockPermit()
        : throw new VsockRefusedException(
            $"AF_VSOCK sockets are not used on this machine: {deviceNode} does not exist, so its vsock family is not ours to use; "
            + "run in the lab: vsockspec run --target linux-vhost-vsock --lab");
}

/// <summary>AF_VSOCK was asked for where it must not be used; the message says why.</summary>
public sealed class VsockRefusedException(string message) : IOException(message);
