using CsCheck;
using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>Random sequences of everything that both sides can do, compared with a model made of lists.</summary>
[TestFixture]
public class RingModelTests
{
    private static readonly Gen<RingStep[]> Steps =
        Gen.Select(Gen.Enum<RingAction>(), Gen.UInt, (action, choice) => new RingStep(action, choice)).Array[1, 400];

    [Test]
    public void SplitRing_RandomSteps_BehavesLikeTheModel(
        [Values(2, 4, 256)] int size, [Values(0u, 0xfff0u)] uint start, [Values] bool eventIdx, [Values] bool inOrder) =>
        Sample(RingLayout.Split, size, start, eventIdx, inOrder);

    [Test]
    public void PackedRing_RandomSteps_BehavesLikeTheModel(
        [Values(1, 3, 5, 100, 256)] int size, [Values] bool atTheEnd, [Values] bool eventIdx, [Values] bool inOrder) =>
        Sample(RingLayout.Packed, size, RingBase.Packed((ushort)(atTheEnd ? size - 1 : 0), wrap: !atTheEnd), eventIdx, inOrder);

    private static void Sample(RingLayout layout, int size, uint start, bool eventIdx, bool inOrder) =>
        Steps.Sample(
            steps =>
            {
                using RingModel model = new(layout, (ushort)size, start, eventIdx, inOrder);
                foreach (RingStep step in steps)
                {
                    model.Do(step);
                }

                model.Finish();
            },
            iter: 200,
            threads: 1);
}
