using NUnit.Framework;
using Vsockspec.Cases;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class GuestRecordTests
{
    private static readonly GuestRecord Uml = new()
    {
        Vmm = "user-mode Linux",
        Accelerator = "native",
        Release = "6.1.176",
        KernelDigest = "sha256:a",
        ImageDigest = "sha256:b",
        Features = ["seqpacket"],
        ReadyMs = 1500,
    };

    [Test]
    public void Add_TheSameGuestAgain_CountsTheBootsAndKeepsTheLongest()
    {
        IReadOnlyList<GuestRecord> list = GuestRecord.Add(GuestRecord.Add([], Uml), Uml with { ReadyMs = 2000 });
        list = GuestRecord.Add(list, Uml with { Boots = 0, GivenUp = ["after VSC-1401: 2 sockets were left"] });

        GuestRecord one = list.Single();
        Assert.That((one.Boots, one.ReadyMs), Is.EqualTo((2, 2000)));
        Assert.That(one.GivenUp, Is.EqualTo(["after VSC-1401: 2 sockets were left"]));
    }

    [Test]
    public void Add_ProblemsOfOneGuest_AreNotThoseOfTheOthers()
    {
        IReadOnlyList<GuestRecord> list = GuestRecord.Add(GuestRecord.Add([], Uml), Uml with { Problems = ["module /lib/vsockspec/vsock.ko: errno 2"] });
        Assert.That(list.Select(guest => guest.Problems.Count), Is.EqualTo([0, 1]));
        Assert.That($"{list[1]}", Does.EndWith("; its agent reports: module /lib/vsockspec/vsock.ko: errno 2"));
    }

    [Test]
    public void Add_AnotherAccelerator_IsAnEntryOfItsOwn() =>
        Assert.That(GuestRecord.Add(GuestRecord.Add([], Uml), Uml with { Vmm = "qemu q35", Accelerator = "tcg" }), Has.Count.EqualTo(2));

    [Test]
    public void Add_ManyGivenUp_KeepsTheFirstHundred()
    {
        IReadOnlyList<GuestRecord> list = [];
        for (int i = 0; i < 250; i++)
        {
            list = GuestRecord.Add(list, Uml with { GivenUp = [$"{i}"] });
        }

        Assert.That(list.Single().GivenUp, Has.Count.EqualTo(GuestRecord.MaxGivenUp));
        Assert.That(list.Single().Boots, Is.EqualTo(250));
    }
}
