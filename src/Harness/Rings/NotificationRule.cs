namespace Vsockspec.Rings;

/// <summary>When an event index asks for a notification, virtio 1.4 sections 2.7.7.1, 2.7.10.1 and 2.8.10 (<c>vring_need_event</c>).</summary>
internal static class NotificationRule
{
    /// <summary>True when going from <paramref name="before"/> to <paramref name="now"/> passed <paramref name="eventIndex"/>, modulo 2^16.</summary>
    public static bool Crossed(ushort eventIndex, ushort now, ushort before) => (ushort)(now - eventIndex - 1) < (ushort)(now - before);

    /// <summary>
    /// The same for a side that keeps count of what it published since it last looked. Index arithmetic cannot tell a full
    /// turn of 2^16 from none, so from there on the answer is yes: one notification too many is harmless.
    /// </summary>
    public static bool CrossedSplit(ushort eventIndex, ushort now, uint added) =>
        added > ushort.MaxValue || Crossed(eventIndex, now, (ushort)(now - added));

    /// <summary>What the other side of a packed ring asks for, after <paramref name="added"/> entries up to <paramref name="now"/>.</summary>
    /// <param name="first">Nothing was asked before: whoever starts in the middle of a lap must not rely on an offset that nobody set.</param>
    public static bool Wanted(EventSuppression wanted, in RingSetup setup, PackedPosition now, uint added, bool first) => wanted.Mode switch
    {
        EventMode.Disable => false,
        EventMode.Desc when setup.EventIdx => first || CrossedPacked(wanted, now, added, setup.Size),

        // Reserved, or not negotiated: a notification too many is harmless, one too few is not.
        _ => true,
    };

    /// <summary>The same for packed positions, where an offset means something for one lap only.</summary>
    /// <param name="added">Ring entries published since the last look; a full lap crosses every event.</param>
    public static bool CrossedPacked(EventSuppression wanted, PackedPosition now, uint added, ushort size)
    {
        if (added >= size)
        {
            return true;
        }

        // An offset with the other wrap counter lies one lap behind; modulo 2^16 it may go below zero.
        ushort eventIndex = wanted.Wrap == now.Wrap ? wanted.Offset : (ushort)(wanted.Offset - size);
        return Crossed(eventIndex, now.Index, (ushort)(now.Index - added));
    }
}
