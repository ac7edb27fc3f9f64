using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Harness.Tests.Targets;

public sealed class CidLeaseTests
{
    [Test]
    public void Take_WhileOthersAreHeld_GivesAnother()
    {
        using CidLease one = CidLease.Take(_ => true);
        using CidLease two = CidLease.Take(_ => true);
        Assert.That(two.Cid, Is.Not.EqualTo(one.Cid));
    }

    [Test]
    public void Take_CidThatDoesNotFit_IsPassedOverAndGivenBack()
    {
        ulong refused = 0;
        using CidLease lease = CidLease.Take(cid =>
        {
            refused = refused == 0 ? cid : refused;
            return cid != refused;
        });
        Assert.That(lease.Cid, Is.GreaterThan(refused));
        using NameLock? free = NameLock.TryTake($"vsockspec-cid-{refused}");
        Assert.That(free, Is.Not.Null);
    }

    [Test]
    public void Take_FitThrows_GivesTheNameBack()
    {
        ulong tried = 0;
        Assert.That(
            () => CidLease.Take(cid =>
            {
                tried = cid;
                throw new InvalidOperationException();
            }),
            Throws.InvalidOperationException);
        using NameLock? free = NameLock.TryTake($"vsockspec-cid-{tried}");
        Assert.That(free, Is.Not.Null);
    }

    [Test]
    public void Name_WhileHeld_IsNotGivenTwice()
    {
        string name = $"vsockspec-test-{Guid.NewGuid():n}";
        using (NameLock? first = NameLock.TryTake(name))
        {
            Assert.That(first, Is.Not.Null);
            Assert.That(NameLock.TryTake(name), Is.Null);
        }

        using NameLock? again = NameLock.TryTake(name);
        Assert.That(again, Is.Not.Null);
    }
}
