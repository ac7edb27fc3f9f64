using CsCheck;
using NUnit.Framework;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Guests;

public sealed class UmlProcessorTests
{
    [TestCase(100, ExpectedResult = "1 0 1 0")]
    [TestCase(101, ExpectedResult = "1 0 1 0")]
    public string Place_OfTwoProcessors_TheFirstGuestIsNotOnTheFirst(int process) => string.Join(' ', Enumerable.Range(0, 4).Select(before => UmlProcessor.Place(process, before, 2)));

    [Test]
    public void Place_OfAnyNumber_GoesRoundWithoutTheFirstAtTheBeginning() =>
        Gen.Select(Gen.Int[1, int.MaxValue], Gen.Int, Gen.Int[2, 1024]).Sample((process, before, count) =>
        {
            Assert.That(UmlProcessor.Place(process, 0, count), Is.InRange(1, count - 1));
            int[] round = [.. Enumerable.Range(0, count).Select(i => UmlProcessor.Place(process, i, count)).Order()];
            Assert.That(round, Is.EqualTo(Enumerable.Range(0, count)));
            Assert.That(UmlProcessor.Place(process, before, count), Is.InRange(0, count - 1));
        });

    [Test]
    public void Start_OnOneProcessor_ProgramAndWhatItStartsStayThere()
    {
        int cpu = CpuAffinity.Allowed()[^1];
        using InstanceFolder folder = InstanceFolder.Create();
        using TargetProcess process = TargetProcess.Start(["/bin/sh", "-c", "grep Cpus_allowed_list /proc/self/status"], new Dictionary<string, string>(), folder.Path, cpu);
        Assert.That(process.WaitForExit(TimeSpan.FromSeconds(10)), Is.True);
        Assert.That(process.LastLines, Is.EqualTo(new[] { $"Cpus_allowed_list:\t{cpu}" }));
    }
}
