using System.Buffers.Binary;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Interop;

namespace Vsockspec.Conformance;

/// <summary>What MSG_ERRQUEUE told of sends without copying that are over.</summary>
/// <param name="First">Number of the first send that it speaks of.</param>
/// <param name="Last">Number of the last.</param>
/// <param name="WasCopied">The kernel copied after all.</param>
internal readonly record struct GuestCompletion(uint First, uint Last, bool WasCopied)
{
    /// <summary>struct cmsghdr: length (8 bytes), level, type; struct sock_extended_err: errno, origin, type, code, pad, info, data.</summary>
    private const int HeaderSize = 16;
    private const int ErrorSize = 16;
    private const int OriginZeroCopy = 5;
    private const int OriginAt = HeaderSize + 4;
    private const int CodeAt = HeaderSize + 6;
    private const int InfoAt = HeaderSize + 8;
    private const int DataAt = HeaderSize + 12;

    /// <summary>Takes the oldest one; null when there is none.</summary>
    public static GuestCompletion? TryTake(GuestSocket guest)
    {
        GuestReceived received = guest.Receive(1, GuestMessage.ErrorQueue | GuestMessage.DontWait);
        ReadOnlySpan<byte> control = received.Control;
        return !received.Result.Succeeded ? null
            : control.Length >= HeaderSize + ErrorSize && control[OriginAt] == OriginZeroCopy
                ? new GuestCompletion(
                    BinaryPrimitives.ReadUInt32LittleEndian(control[InfoAt..]),
                    BinaryPrimitives.ReadUInt32LittleEndian(control[DataAt..]),
                    control[CodeAt] != 0)
            : throw new GuestException($"a message of {control.Length} bytes in the error queue is no completion");
    }

    /// <summary>
    /// Waits until so many sends are over, which takes that the device has given their buffers back; says whether the kernel copied some of them.
    /// How the guest's kernel numbers and orders what it tells is its own business: one call may have several numbers, and one message may tell of many
    /// (Documentation/networking/msg_zerocopy.rst, "Notification Parsing").
    /// </summary>
    public static bool ExpectAll(CaseContext c, GuestSocket guest, int sends)
    {
        long told = 0;
        bool copied = false;
        while (told < sends)
        {
            PollEvents ready = guest.Poll(PollEvents.Error);
            CaseContext.Require(
                ready.HasFlag(PollEvents.Error),
                "buffers-not-returned",
                $"{sends} sends are over: the device has given their buffers back",
                $"{told} are, after {c.Timeline.Patience.TotalSeconds:0.###} s");
            while (TryTake(guest) is { } completion)
            {
                told += (long)unchecked(completion.Last - completion.First) + 1;
                copied |= completion.WasCopied;
            }
        }

        return copied;
    }
}
