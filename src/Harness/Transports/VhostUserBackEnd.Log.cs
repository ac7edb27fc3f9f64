using Vsockspec.Interop;
using Vsockspec.Memory;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Transports;

/// <content>
/// The log of dirty pages (vhost-user.rst, "Migration"). It is kept while VHOST_F_LOG_ALL is accepted, which a front end may change while
/// rings are processed.
/// </content>
public sealed partial class VhostUserBackEnd
{
    private DirtyLog? dirtyPages;
    private EventFd? dirtyNotice;

    private bool IsLogging => dirtyPages is not null && accepted.HasFlag(VirtioFeatures.VhostLogAll);

    /// <summary>Marks the pages that were written when <paramref name="written"/> bytes went into the buffers of a chain.</summary>
    internal void LogWritten(DeviceChain chain, uint written)
    {
        if (!IsLogging)
        {
            return;
        }

        ulong left = rules.LoggedBytes(written);
        foreach (ref readonly RingBuffer buffer in chain.Writable)
        {
            ulong piece = Math.Min(left, buffer.Length);
            dirtyPages!.Mark(buffer.Address, piece);
            left -= piece;
            if (left == 0)
            {
                break;
            }
        }
    }

    /// <summary>
    /// Marks the pages of a ring itself, where the front end asked for that. All of the used ring counts as written: it is a page or two.
    /// Of a packed ring the device area is what the protocol calls used; its descriptors are marked at their own addresses.
    /// </summary>
    internal void LogRing(BackEndQueue queue)
    {
        if (!IsLogging)
        {
            return;
        }

        if (queue.LogAddress is { } address && rules.LogsUsedRing)
        {
            RingSetup ring = queue.Ring.Setup;
            bool packed = ring.Layout == RingLayout.Packed;
            dirtyPages!.Mark(address, DeviceAreaBytes(packed, ring.Size));
            if (packed)
            {
                dirtyPages.Mark(ring.DescriptorArea, PackedRingMemory.DescriptorBytes(ring.Size));
            }
        }

        _ = dirtyNotice?.Signal();
    }

    private Answer SetLogBase(ReceivedMessage message)
    {
        VhostUserLog described = VhostUserLog.Read(message.Payload);
        try
        {
            DirtyLog next = DirtyLog.Map(Keep(message.Descriptors[0]), described.MmapSize, described.MmapOffset);
            dirtyPages?.Dispose();
            dirtyPages = next;
        }
        catch (Exception e) when (e is GuestMemoryException or IOException or NotSupportedException)
        {
            return Answer.Abort(e.Message);
        }

        // The document asks for an answer and does not say what is in it; QEMU expects nothing.
        return new Answer([], null);
    }

    private Answer SetLogFd(ReceivedMessage message)
    {
        dirtyNotice?.Dispose();
        dirtyNotice = new EventFd(Keep(message.Descriptors[0]));
        return Answer.Done;
    }

    private void ForgetLog()
    {
        dirtyPages?.Dispose();
        dirtyNotice?.Dispose();
        dirtyPages = null;
        dirtyNotice = null;
    }
}
