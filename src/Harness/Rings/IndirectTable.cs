using Vsockspec.Memory;

namespace Vsockspec.Rings;

/// <summary>Indirect descriptor tables in guest memory, virtio 1.4 sections 2.7.5.3 and 2.8.7.</summary>
internal static class IndirectTable
{
    private const int EntrySize = SplitDescriptor.Size;

    /// <summary>Writes a table; it may cross adjacent regions.</summary>
    /// <exception cref="GuestMemoryException">The table is not in guest memory.</exception>
    public static void Write(GuestMemory memory, RingLayout layout, ulong address, ReadOnlySpan<RingBuffer> buffers)
    {
        Span<byte> entry = stackalloc byte[EntrySize];
        bool whole = memory.TrySlice(address, (uint)(buffers.Length * EntrySize), out Span<byte> table);
        for (int i = 0; i < buffers.Length; i++)
        {
            RingBuffer buffer = buffers[i];
            Span<byte> destination = whole ? table.Slice(i * EntrySize, EntrySize) : entry;
            DescriptorFlags flags = buffer.DeviceWrites ? DescriptorFlags.Write : DescriptorFlags.None;
            if (layout == RingLayout.Packed)
            {
                new PackedDescriptor(buffer.Address, buffer.Length, 0, flags).Write(destination);
            }
            else
            {
                bool last = i == buffers.Length - 1;
                new SplitDescriptor(buffer.Address, buffer.Length, last ? flags : flags | DescriptorFlags.Next, last ? (ushort)0 : (ushort)(i + 1))
                    .Write(destination);
            }

            if (!whole)
            {
                memory.Write(address + (ulong)(i * EntrySize), entry);
            }
        }
    }

    /// <summary>Adds the buffers of a table to a chain; sets the chain's defect when the table breaks a rule.</summary>
    public static void Read(GuestMemory memory, RingLayout layout, ulong address, uint length, DeviceChain chain)
    {
        uint count = length / EntrySize;
        chain.BeginTable();
        if (length == 0 || length % EntrySize != 0)
        {
            chain.Defect ??= $"indirect table of {length} bytes";
        }
        else if (count > DeviceChain.MaxBuffers)
        {
            chain.Defect ??= $"indirect table of {count} descriptors; {DeviceChain.MaxBuffers} is the most that is followed";
        }
        else if (!memory.Contains(address, length))
        {
            chain.Defect ??= $"indirect table at 0x{address:x} length {length} is not in guest memory";
        }
        else if (layout == RingLayout.Packed)
        {
            ReadPacked(memory, address, count, chain);
        }
        else
        {
            ReadSplit(memory, address, count, chain);
        }
    }

    // Section 2.8.7: descriptors follow each other, only WRITE counts, ids and all other flags are ignored.
    private static void ReadPacked(GuestMemory memory, ulong address, uint count, DeviceChain chain)
    {
        Span<byte> scratch = stackalloc byte[EntrySize];
        for (uint i = 0; i < count && chain.Defect is null; i++)
        {
            PackedDescriptor descriptor = PackedDescriptor.Read(Entry(memory, address, i, scratch));
            chain.AddChecked(memory, new RingBuffer(descriptor.Address, descriptor.Length, descriptor.Is(DescriptorFlags.Write)));
        }
    }

    private static void ReadSplit(GuestMemory memory, ulong address, uint count, DeviceChain chain)
    {
        Span<byte> scratch = stackalloc byte[EntrySize];
        uint index = 0;
        for (uint seen = 0; chain.Defect is null; seen++)
        {
            if (seen == count)
            {
                chain.Defect = "loop in an indirect table";
                return;
            }

            SplitDescriptor descriptor = SplitDescriptor.Read(Entry(memory, address, index, scratch));
            if (descriptor.Is(DescriptorFlags.Indirect))
            {
                chain.Defect = "indirect descriptor inside an indirect table";
                return;
            }

            chain.AddChecked(memory, new RingBuffer(descriptor.Address, descriptor.Length, descriptor.Is(DescriptorFlags.Write)));
            if (!descriptor.Is(DescriptorFlags.Next))
            {
                return;
            }

            index = descriptor.Next;
            if (index >= count)
            {
                chain.Defect ??= $"next {index} in an indirect table of {count} descriptors";
            }
        }
    }

    private static ReadOnlySpan<byte> Entry(GuestMemory memory, ulong address, uint index, Span<byte> scratch)
    {
        address += index * (ulong)EntrySize;
        if (memory.TrySlice(address, EntrySize, out Span<byte> entry))
        {
            return entry;
        }

        memory.Read(address, scratch);
        return scratch;
    }
}
