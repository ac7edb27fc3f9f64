using CsCheck;
using Microsoft.Win32.SafeHandles;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Memory;

namespace Vsockspec.Harness.Tests.Memory;

[TestFixture]
public class GuestMemoryTests
{
    private const ulong First = 0x1_0000;
    private const ulong Second = First + Bytes;
    private const ulong Hole = Second + Bytes;
    private const ulong Third = Hole + Bytes;
    private const uint Bytes = 0x1000;

    private GuestMemory memory = null!;

    [SetUp]
    public void CreateMemory() =>
        memory = new GuestMemory([MemoryRegion.Create(Third, Bytes), MemoryRegion.Create(First, Bytes), MemoryRegion.Create(Second, Bytes)]);

    [TearDown]
    public void DisposeMemory() => memory.Dispose();

    [TestCase(Second - 1, 2)]
    [TestCase(First, (int)(2 * Bytes))]
    [TestCase(Second - 100, 200)]
    [TestCase(First, 0)]
    [TestCase(Third, (int)Bytes)]
    public void WriteThenRead_InMemory_GivesTheSameBytes(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Random.Shared.NextBytes(bytes);
        memory.Write(address, bytes);
        byte[] again = new byte[length];
        memory.Read(address, again);
        Assert.That(again, Is.EqualTo(bytes));
        Assert.That(memory.Contains(address, (ulong)length), Is.True);
    }

    [TestCase(First - 1, 2ul)]
    [TestCase(Hole - 1, 2ul)]
    [TestCase(Hole, 1ul)]
    [TestCase(First, 2ul * Bytes + 1)]
    [TestCase(Third + Bytes - 1, 2ul)]
    [TestCase(0ul, 1ul)]
    [TestCase(ulong.MaxValue, 1ul)]
    [TestCase(ulong.MaxValue, 0x2_0000ul)]
    public void Range_NotWhollyInMemory_IsRefused(ulong address, ulong length)
    {
        Assert.That(memory.Contains(address, length), Is.False);
        Assert.Throws<GuestMemoryException>(() => memory.Read(address, new byte[length]));
        Assert.Throws<GuestMemoryException>(() => memory.Write(address, new byte[length]));
        Assert.Throws<GuestMemoryException>(() => memory.Slice(address, (uint)length));
    }

    [TestCase(ulong.MaxValue)]
    [TestCase((ulong)long.MaxValue)]
    [TestCase(0x1_0000_0000ul)]
    public void Contains_HugeRange_IsFalse(ulong length) => Assert.That(memory.Contains(First, length), Is.False);

    [Test]
    public void Contains_AnyRange_MeansEveryByteIsMapped() =>
        Gen.Select(Gen.ULong[First - 300, Third + Bytes + 300], Gen.UInt[0, 2 * Bytes]).Sample((address, length) =>
        {
            bool every = true;
            for (ulong at = address; at < address + length; at += at + 64 < address + length ? 64 : 1u)
            {
                every &= memory.TrySlice(at, 1, out _);
            }

            return memory.Contains(address, length) == every;
        });

    [Test]
    public void Slice_AcrossRegions_IsRefusedAndItsPrefixIsNot()
    {
        Assert.That(memory.TrySlice(Second - 8, 16, out _), Is.False);
        Assert.That(memory.TrySlicePrefix(Second - 8, 16, out Span<byte> prefix), Is.True);
        Assert.That(prefix.Length, Is.EqualTo(8));
    }

    [Test]
    public void UserAddress_OfAByte_LeadsBackToIt([Values(First, Second - 1, Second, Third + 5)] ulong address)
    {
        Assert.That(memory.TryFromUserAddress(memory.ToUserAddress(address), out ulong again), Is.True);
        Assert.That(again, Is.EqualTo(address));
    }

    [Test]
    public void UserAddress_Unmapped_IsRefused()
    {
        Assert.That(memory.TryFromUserAddress(0, out _), Is.False);
        Assert.Throws<GuestMemoryException>(() => memory.ToUserAddress(Hole));
    }

    [Test]
    public void Region_OffsetNotPageAligned_MapsTheRightBytes([Values(1, 16, 4095, 4096, 4100)] int offset)
    {
        SafeFileHandle file = MemFd.Create("offset", 0x4000);
        byte[] marker = [1, 2, 3, 4];
        RandomAccess.Write(file, marker, offset);
        RandomAccess.Write(file, marker, offset + Bytes - 4);
        using GuestMemory mapped = new([MemoryRegion.Map(file, First, userAddress: 0x7000, Bytes, (ulong)offset)]);
        Assert.That(mapped.Slice(First, 4).ToArray(), Is.EqualTo(marker));
        Assert.That(mapped.Slice(First + Bytes - 4, 4).ToArray(), Is.EqualTo(marker));
        Assert.That(mapped.ToUserAddress(First + 8), Is.EqualTo(0x7008));
    }

    [Test]
    public void Region_OfOurOwn_IsShared()
    {
        using GuestMemory own = new([MemoryRegion.Create(First, Bytes, mmapOffset: 0x800)]);
        own.Write(First + 10, [42]);
        byte[] seen = new byte[1];
        RandomAccess.Read(own.Regions[0].File, seen, 0x800 + 10);
        Assert.That(seen[0], Is.EqualTo(42));
    }

    [TestCase(First, 0ul, 0ul, 0ul, "is not a usable range")]
    [TestCase(First, 0ul, (1ul << 46) + 1, 0ul, "is not a usable range")]
    [TestCase(First, 0ul, ulong.MaxValue, 0ul, "is not a usable range")]
    [TestCase(First, 0ul, 16ul, ulong.MaxValue, "is not a usable range")]
    [TestCase(ulong.MaxValue, 0ul, 16ul, 0ul, "is not a usable range")]
    [TestCase(First, ulong.MaxValue, 16ul, 0ul, "is not a usable range")]
    [TestCase(First, 0ul, 0x1001ul, 0ul, "ends at byte 0x1001 of a file of 0x1000 bytes")]
    [TestCase(First, 0ul, 0x1000ul, 1ul, "ends at byte 0x1001 of a file of 0x1000 bytes")]
    public void Region_ThatCannotBe_IsRefusedAndItsFileClosed(ulong guest, ulong user, ulong size, ulong offset, string message)
    {
        SafeFileHandle file = MemFd.Create("small", 0x1000);
        GuestMemoryException? e = Assert.Throws<GuestMemoryException>(() => MemoryRegion.Map(file, guest, user, size, offset));
        Assert.That(e?.Message, Does.Contain(message));
        Assert.That(file.IsClosed, Is.True);
    }

    [Test]
    public void MemFd_Sealed_KeepsItsSize([Values(0, 0x2000)] long size)
    {
        using SafeFileHandle file = MemFd.Create("sealed", 0x1000);
        Assert.That(() => RandomAccess.SetLength(file, size), Throws.InstanceOf<UnauthorizedAccessException>().Or.InstanceOf<IOException>());
        Assert.That(RandomAccess.GetLength(file), Is.EqualTo(0x1000));
    }

    [Test]
    public void Arena_Pieces_AreAlignedAndApart()
    {
        GuestArena arena = new(memory);
        ulong end = 0;
        for (uint alignment = 1; alignment <= 256; alignment *= 2)
        {
            ulong piece = arena.Allocate(3, alignment, region: 1);
            Assert.That(piece % alignment, Is.Zero);
            Assert.That(piece, Is.GreaterThanOrEqualTo(end));
            end = piece + 3;
        }
    }

    [Test]
    public void Arena_RegionFull_GoesOnInTheNextUnlessToldWhere()
    {
        GuestArena arena = new(memory);
        Assert.That(arena.Allocate(Bytes), Is.EqualTo(Third));
        Assert.Throws<GuestMemoryException>(() => arena.Allocate(1, region: 0));
        Assert.That(arena.Allocate(Bytes), Is.EqualTo(First));
        Assert.That(arena.Allocate(Bytes), Is.EqualTo(Second));
        Assert.Throws<GuestMemoryException>(() => arena.Allocate(1));
    }

    [Test]
    public void Arena_ImpossibleLength_IsRefused() =>
        Assert.Throws<GuestMemoryException>(() => new GuestArena(memory).Allocate(uint.MaxValue));
}
