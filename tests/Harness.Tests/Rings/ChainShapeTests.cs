using CsCheck;
using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

[TestFixture]
public class ChainShapeTests
{
    private static readonly Gen<ChainShape> Shapes = Gen.Select(
        Gen.OneOf(
            Gen.Const(ChainShape.OneBuffer),
            Gen.Const(ChainShape.HeaderThenPayload),
            Gen.Int[1, 43].Select(ChainShape.SplitHeaderAt),
            Gen.Int[1, 300].Select(ChainShape.CutAt),
            Gen.Int[1, 300].Select(ChainShape.Pieces),
            Gen.Int[1, 300].Select(ChainShape.HeaderThenPieces)),
        Gen.Bool,
        (shape, zero) => zero ? shape.WithZeroLengthPieces() : shape);

    private static readonly object[][] Named =
    [
        [ChainShape.OneBuffer, "one-buffer", new uint[] { 100 }],
        [ChainShape.HeaderThenPayload, "44+rest", new uint[] { 44, 56 }],
        [ChainShape.SplitHeaderAt(1), "1+43+rest", new uint[] { 1, 43, 56 }],
        [ChainShape.CutAt(50), "50+rest", new uint[] { 50, 50 }],
        [ChainShape.CutAt(100), "100+rest", new uint[] { 100 }],
        [ChainShape.Pieces(40), "pieces-of-40", new uint[] { 40, 40, 20 }],
        [ChainShape.HeaderThenPieces(25), "44+pieces-of-25", new uint[] { 44, 25, 25, 6 }],
        [ChainShape.HeaderThenPayload.WithZeroLengthPieces(), "44+rest+zero-length", new uint[] { 0, 44, 0, 56, 0 }],
    ];

    [TestCaseSource(nameof(Named))]
    public void Shape_HundredBytes_IsCutAsItsNameSays(ChainShape shape, string name, uint[] lengths)
    {
        RingBuffer[] buffers = new RingBuffer[8];
        int count = shape.Cut(0x1000, 100, deviceWrites: false, buffers);
        Assert.That(shape.ToString(), Is.EqualTo(name));
        Assert.That(buffers[..count].Select(b => b.Length), Is.EqualTo(lengths));
    }

    [Test]
    public void Cut_AnyShape_CoversTheRangeInOrder() =>
        Gen.Select(Shapes, Gen.UInt[0, 1000], Gen.Bool).Sample((shape, length, deviceWrites) =>
        {
            RingBuffer[] buffers = new RingBuffer[shape.CountFor(length)];
            int count = shape.Cut(0x1000, length, deviceWrites, buffers);
            ulong next = 0x1000;
            foreach (RingBuffer buffer in buffers)
            {
                if (buffer.Length > 0 && buffer.Address != next)
                {
                    return false;
                }

                next += buffer.Length;
            }

            return count == buffers.Length && next == 0x1000 + length && buffers.All(b => b.DeviceWrites == deviceWrites);
        });

    [Test]
    public void Cut_TooLittleRoom_IsRefused() =>
        Assert.Throws<ArgumentException>(() => ChainShape.Pieces(1).Cut(0, 3, deviceWrites: true, new RingBuffer[2]));

    [TestCase(0)]
    [TestCase(44)]
    public void SplitHeaderAt_OutsideTheHeader_IsRefused(int bytes) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => ChainShape.SplitHeaderAt(bytes));
}
