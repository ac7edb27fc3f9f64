using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class WorkListTests
{
    [Test]
    public void TryTake_CasesAboutDevices_ComeInOrder()
    {
        WorkList work = new([(Device("A"), 1), (Device("B"), 1), (Device("A"), 2)]);
        Assert.That(Take(work, 0, 1, 0, 1), Is.EqualTo("A#1 B#1 A#2 -"));
    }

    [Test]
    public void TryTake_OneWorker_GoesOnWithTheDeviceThatItHas()
    {
        WorkList work = new([(Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Seqpacket), 1), (Driver("A", VirtioFeatures.Stream), 2), (Driver("B", VirtioFeatures.Seqpacket), 2)]);
        Assert.That(Take(work, 0, 0, 0, 0), Is.EqualTo("A#1 A#2 B#1 B#2"));
    }

    [Test]
    public void TryTake_TwoWorkers_TakeDifferentDevicesWhileTheyCan()
    {
        WorkList work = new(
        [
            (Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Stream), 1), (Driver("C", VirtioFeatures.Seqpacket), 1), (Driver("D", VirtioFeatures.Stream), 1),
        ]);
        Assert.That(Take(work, 0, 1, 0, 1), Is.EqualTo("A#1 C#1 B#1 D#1"));
    }

    [Test]
    public void TryTake_CasesAboutDevices_WithAndWithoutGuestComeTogether()
    {
        WorkList work = new([(Device("A"), 1), (Device("G", guest: true), 1), (Device("A"), 2), (Device("G", guest: true), 2), (Device("A"), 3)]);
        Assert.That(Take(work, 0, 0, 0, 0, 0), Is.EqualTo("A#1 A#2 A#3 G#1 G#2"));
    }

    [Test]
    public void TryTake_CaseThatWantsAGuestOfItsOwn_WaitsForTheOthers()
    {
        WorkList work = new([(Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Stream, Isolation.Process), 1), (Driver("C", VirtioFeatures.Stream), 1)]);
        Assert.That(Take(work, 0, 0, 0), Is.EqualTo("A#1 C#1 B#1"));
    }

    [Test]
    public void Foresee_OtherDevice_IsTheOneThatComesNext()
    {
        WorkList work = new([(Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Stream), 1), (Driver("C", VirtioFeatures.Seqpacket), 1), (Driver("D", VirtioFeatures.None), 1)]);
        Assert.That(Take(work, 0), Is.EqualTo("A#1"));
        Assert.That(work.Foresee(0, _ => true)?.Case.Id, Is.EqualTo("C"));
        Assert.That(work.Foresee(0, run => run.Case.Id != "C")?.Case.Id, Is.EqualTo("D"), "one that is put");
        Assert.That(Take(work, 0, 0), Is.EqualTo("B#1 D#1"), "what was foreseen last comes first");
    }

    [Test]
    public void TryTake_WhatIsReady_ComesInBetween()
    {
        WorkList work = new(
        [
            (Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Stream), 1), (Driver("C", VirtioFeatures.Seqpacket), 1), (Driver("D", VirtioFeatures.Seqpacket), 1),
            (Driver("E", VirtioFeatures.None), 1),
        ]);
        List<string> order = [];
        List<bool> returns = [];
        while (work.TryTake(0, out (CaseRun Run, int Repetition) next, isReady: true))
        {
            order.Add(next.Run.Case.Id);
            _ = work.Foresee(0, _ => true);
            returns.Add(work.WillReturn(0));
        }

        Assert.That(string.Join(' ', order), Is.EqualTo("A C D E B"));
        Assert.That(returns, Is.EqualTo([false, true, true, true, false]));
    }

    [Test]
    public void Foresee_CaseAlone_IsTheNextOneAlsoForTheSameDevice()
    {
        WorkList work = new([(Driver("A", VirtioFeatures.Stream, Isolation.Process), 1), (Driver("B", VirtioFeatures.Stream, Isolation.Process), 1)]);
        Assert.That(Take(work, 0), Is.EqualTo("A#1"));
        Assert.That(work.Foresee(0, _ => true)?.Case.Id, Is.EqualTo("B"));
    }

    [Test]
    public void Foresee_TwoWorkers_ForeseeDifferentDevices()
    {
        WorkList work = new(
        [
            (Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Seqpacket), 1), (Driver("C", VirtioFeatures.None), 1), (Driver("D", VirtioFeatures.SrIov), 1),
        ]);
        Assert.That(Take(work, 0, 1), Is.EqualTo("A#1 B#1"));
        Assert.That((work.Foresee(0, _ => true)?.Case.Id, work.Foresee(1, _ => true)?.Case.Id), Is.EqualTo(("C", "D")));
        Assert.That(Take(work, 1, 0), Is.EqualTo("D#1 C#1"), "each what it has got ready");
    }

    [Test]
    public void Foresee_NothingLeft_IsNothing()
    {
        WorkList work = new([(Driver("A", VirtioFeatures.Stream), 1), (Driver("B", VirtioFeatures.Stream), 1)]);
        Assert.That(Take(work, 0), Is.EqualTo("A#1"));
        Assert.That(work.Foresee(0, _ => true), Is.Null);
    }

    [Test]
    public void Clear_LeavesNothing()
    {
        WorkList work = new([(Device("A"), 1)]);
        work.Clear();
        Assert.That(work.TryTake(0, out _), Is.False);
    }

    private static string Take(WorkList work, params int[] workers) =>
        string.Join(' ', workers.Select(worker => work.TryTake(worker, out (CaseRun Run, int Repetition) next) ? $"{next.Run.Case.Id}#{next.Repetition}" : "-"));

    private static CaseRun Device(string id, bool guest = false) =>
        new(new CaseInfo(new CaseAttribute(id) { Title = id }, "area", id, new CaseScript.OfDevice(_ => { })) { NeedsGuest = guest }, Variant.Of(Vary.Nothing)[0]);

    private static CaseRun Driver(string id, VirtioFeatures offered, Isolation isolation = Isolation.Session) => new(
        new CaseInfo(new CaseAttribute(id) { Title = id, Isolation = isolation }, "area", id, new CaseScript.OfDriver(_ => { })) { Offer = new OfferAttribute(offered) },
        Variant.Of(Vary.Nothing)[0]);
}
