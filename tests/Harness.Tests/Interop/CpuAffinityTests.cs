using NUnit.Framework;
using Vsockspec.Interop;

namespace Vsockspec.Harness.Tests.Interop;

/// <summary>Each test pins a thread of its own: those of the test host stay free.</summary>
public sealed class CpuAffinityTests
{
    [Test]
    public void Pin_OneOfTheAllowed_OnlyThatIsAllowedUntilDisposed() => OnThread(() =>
    {
        IReadOnlyList<int> before = CpuAffinity.Allowed();
        using (CpuAffinity? pin = CpuAffinity.Pin(before[^1]))
        {
            Assert.That(pin, Is.Not.Null);
            Assert.That(CpuAffinity.Allowed(), Is.EqualTo((int[])[before[^1]]));
        }

        Assert.That(CpuAffinity.Allowed(), Is.EqualTo(before));
    });

    [Test]
    public void Pin_ProcessorThatIsNotThere_ReturnsNullAndChangesNothing() => OnThread(() =>
    {
        IReadOnlyList<int> before = CpuAffinity.Allowed();

        Assert.That(CpuAffinity.Pin(1023), Is.Null);
        Assert.That(CpuAffinity.Allowed(), Is.EqualTo(before));
    });

    [Test]
    public void Place_ThreadThatIsNotThere_IsFalse() => Assert.That(CpuAffinity.Place(int.MaxValue, 0), Is.False);

    [Test]
    public void Allowed_ThreadThatIsNotThere_IsEmpty() => Assert.That(CpuAffinity.Allowed(int.MaxValue), Is.Empty);

    [Test]
    public void Place_SeveralProcessors_ThoseAreAllowed() => OnThread(() =>
    {
        IReadOnlyList<int> before = CpuAffinity.Allowed();
        int[] some = [before[0], before[^1]];

        Assert.That(CpuAffinity.Place(0, some), Is.True);
        Assert.That(CpuAffinity.Allowed(), Is.EqualTo(some.Distinct()));
    });

    private static void OnThread(Action body)
    {
        Exception? fault = null;
        Thread thread = new(() =>
        {
            try
            {
                body();
            }
            catch (Exception e)
            {
                fault = e;
            }
        });
        thread.Start();
        thread.Join();
        Assert.That(fault, Is.Null);
    }
}
