using System.Runtime.InteropServices;
using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <summary>
/// /dev/vhost-vsock: the kernel's own device, set up as a VMM does (linux/vhost.h, drivers/vhost/vhost.c and vsock.c). It has two queues and
/// runs both or none; memory is this process's own. A fresh one is only opened; <see cref="Claim"/> makes it ours and names the guest, cases may
/// ask in their own order with <see cref="Ask(VhostIoctl)"/>. One thread.
/// </summary>
public sealed class VhostKernelDevice : IVsockDevice
{
    /// <summary>Queues that the kernel serves; the event queue is the VMM's.</summary>
    public const int QueueCount = 2;

    private const int RegionSize = 32;
    private readonly IControlFile file;
    private readonly Dictionary<int, QueueSetup> queues = [];
    private readonly HashSet<int> started = [];
    private VirtioFeatures? offered;
    private GuestMemory? memory;
    private bool running;

    /// <summary>Takes over an opened device.</summary>
    public VhostKernelDevice(IControlFile file) => this.file = file;

    public string Transport => "vhost-kernel";

    /// <summary>Asks for them when nobody has yet.</summary>
    public VirtioFeatures OfferedFeatures => offered ??= GetFeatures();

    /// <summary>The features that were accepted last.</summary>
    public VirtioFeatures AcceptedFeatures { get; private set; }

    /// <summary>False: the VMM owns the configuration space.</summary>
    public bool HasConfigSpace => false;

    /// <summary>False: the VMM owns the event queue.</summary>
    public bool HasEventQueue => false;

    /// <summary>False: VHOST_VSOCK_SET_RUNNING speaks of both.</summary>
    public bool StopsQueuesAlone => false;

    /// <summary>-1: the kernel does not go away.</summary>
    public int WatchFd => -1;

    /// <summary>Opens the device node; asks nothing.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Unreachable"/>.</exception>
    public static VhostKernelDevice Open(string node)
    {
        try
        {
            return new VhostKernelDevice(DeviceFile.Open(node));
        }
        catch (ErrnoException e)
        {
            throw new TransportException(TransportFault.Unreachable, e.Message, e);
        }
    }

    /// <summary>The usual opening: SET_OWNER and the guest's CID.</summary>
    /// <exception cref="TransportException"><see cref="TransportFault.Refused"/>.</exception>
    public void Claim(ulong guestCid)
    {
        Demand(VhostIoctl.SetOwner, Ask(VhostIoctl.SetOwner));
        Demand(VhostIoctl.VsockSetGuestCid, Ask(VhostIoctl.VsockSetGuestCid, guestCid));
    }

    /// <summary>Puts a request without argument. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VhostIoctl request) => file.Control((uint)request);

    /// <summary>Puts a request that takes a u64. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VhostIoctl request, ulong value) => Ask(request, ref value);

    /// <summary>Puts a request that takes or answers a u64. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VhostIoctl request, ref ulong value) =>
        file.Control((uint)request, MemoryMarshal.AsBytes(new Span<ulong>(ref value)));

    /// <summary>Puts a request that takes an int. Returns 0 or the errno of the refusal.</summary>
    public int AskInt(VhostIoctl request, int value) => file.Control((uint)request, MemoryMarshal.AsBytes(new Span<int>(ref value)));

    /// <summary>Puts a request that takes a ring's index and a number. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VhostIoctl request, VringState state) => Ask(request, ref state);

    /// <summary>Puts a request that takes a ring's index and takes or answers a number. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VhostIoctl request, ref VringState state)
    {
        Span<byte> argument = stackalloc byte[VringState.Size];
        state.Write(argument);
        int errno = file.Control((uint)request, argument);
        state = VringState.Read(argument);
        return errno;
    }

    /// <summary>Puts SET_VRING_ADDR. Returns 0 or the errno of the refusal.</summary>
    public int Ask(VringAddress address)
    {
        Span<byte> argument = stackalloc byte[VringAddress.Size];
        address.Write(argument);
        return file.Control((uint)VhostIoctl.SetVringAddr, argument);
    }

    /// <summary>Puts SET_VRING_KICK, CALL or ERR. Returns 0 or the errno of the refusal.</summary>
    /// <param name="descriptor">Null unbinds.</param>
    public int Ask(VhostIoctl request, int index, EventFd? descriptor)
    {
        Span<byte> argument = stackalloc byte[VringState.Size];
        new VringState((uint)index, (uint)(descriptor?.Fd ?? -1)).Write(argument);
        return file.Control((uint)request, argument);
    }

    /// <summary>Puts SET_MEM_TABLE with any regions. Returns 0 or the errno of the refusal.</summary>
    /// <param name="padding">The field that has to be zero.</param>
    public int Ask(ReadOnlySpan<VhostUserRegion> regions, uint padding = 0)
    {
        byte[] table = new byte[VhostUserRegion.Prefix + (regions.Length * RegionSize)];
        MemoryMarshal.Write(table, (uint)regions.Length);
        MemoryMarshal.Write(table.AsSpan(sizeof(uint)), padding);
        for (int i = 0; i < regions.Length; i++)
        {
            // struct vhost_memory_region ends with flags_padding where the vhost-user message has the offset in the file.
            (regions[i] with { MmapOffset = 0 }).Write(table.AsSpan(VhostUserRegion.Prefix + (i * RegionSize)));
        }

        return file.Control((uint)VhostIoctl.SetMemTable, table);
    }

    /// <summary>Null: there is none.</summary>
    public byte[]? ReadConfig(uint offset, uint length) => null;

    public void AcceptFeatures(VirtioFeatures features)
    {
        Demand(VhostIoctl.SetFeatures, Ask(VhostIoctl.SetFeatures, (ulong)features));
        AcceptedFeatures = features;
    }

    public void ShareMemory(GuestMemory memory)
    {
        this.memory = memory;
        Demand(VhostIoctl.SetMemTable, Ask([.. memory.Regions.Select(VhostUserFrontEnd.DescriptionOf)]));
    }

    /// <summary>Gives size, base, addresses and all descriptors, as QEMU does before it lets the device run.</summary>
    public void SetUpQueue(QueueSetup queue)
    {
        if (memory is null)
        {
            throw new InvalidOperationException("share memory before setting up queues");
        }

        uint index = (uint)queue.Index;
        Demand(VhostIoctl.SetVringNum, Ask(VhostIoctl.SetVringNum, new VringState(index, queue.Ring.Size)));
        Demand(VhostIoctl.SetVringBase, Ask(VhostIoctl.SetVringBase, new VringState(index, queue.Base)));
        Demand(VhostIoctl.SetVringAddr, Ask(VhostUserFrontEnd.AddressOf(index, queue.Ring, memory)));
        Demand(VhostIoctl.SetVringKick, Ask(VhostIoctl.SetVringKick, queue.Index, queue.Kick));
        Demand(VhostIoctl.SetVringCall, Ask(VhostIoctl.SetVringCall, queue.Index, queue.Call));
        Demand(VhostIoctl.SetVringErr, Ask(VhostIoctl.SetVringErr, queue.Index, queue.Error));
        queues[queue.Index] = queue;
    }

    /// <summary>Runs the device once both queues were started; they are kicked then, since the kernel drops kicks of a ring that does not run.</summary>
    public void StartQueue(int index)
    {
        if (!queues.ContainsKey(index))
        {
            throw new InvalidOperationException($"{VsockQueue.Name(index)} was not set up");
        }

        started.Add(index);
        if (running || started.Count < QueueCount)
        {
            return;
        }

        Demand(VhostIoctl.VsockSetRunning, AskInt(VhostIoctl.VsockSetRunning, 1));
        running = true;
        foreach (QueueSetup queue in queues.Values)
        {
            _ = queue.Kick?.Signal();
        }
    }

    /// <summary>Stops both queues (<see cref="StopsQueuesAlone"/>) and returns the base of one. The next start of this queue runs both again.</summary>
    public uint StopQueue(int index)
    {
        if (running)
        {
            Demand(VhostIoctl.VsockSetRunning, AskInt(VhostIoctl.VsockSetRunning, 0));
            running = false;
        }

        started.Remove(index);
        return GetVringBase(index);
    }

    /// <summary>The next available index that the device will look at; does not stop the ring, unlike vhost-user's request of that name.</summary>
    public uint GetVringBase(int index)
    {
        VringState state = new((uint)index, 0);
        Demand(VhostIoctl.GetVringBase, Ask(VhostIoctl.GetVringBase, ref state));
        return state.Number;
    }

    /// <summary>Unbinds the log's eventfd, after which the kernel waits for all work of the device that was queued (vsock.c, vhost_vsock_dev_ioctl).</summary>
    public void Settle() => Demand(VhostIoctl.SetLogFd, AskInt(VhostIoctl.SetLogFd, -1));

    /// <summary>Closes the device, which ends every connection of the guest.</summary>
    public void Dispose() => file.Dispose();

    private static void Demand(VhostIoctl request, int errno)
    {
        if (errno != 0)
        {
            throw new TransportException(TransportFault.Refused, $"{VhostIoctls.Name(request)} was refused: {ErrnoException.Describe(errno)}");
        }
    }

    private VirtioFeatures GetFeatures()
    {
        ulong features = 0;
        Demand(VhostIoctl.GetFeatures, Ask(VhostIoctl.GetFeatures, ref features));
        return (VirtioFeatures)features;
    }
}
