using NUnit.Framework;
using Vsockspec.Cases;
using Vsockspec.Guests;

namespace Vsockspec.Harness.Tests.Cases;

public sealed class GuestDebtTests
{
    private static readonly GuestState Fresh = new(4, 200_000);
    private static readonly TimeSpan Begin = TimeSpan.FromSeconds(100);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    [Test]
    public void Of_SocketsAlone_AreOwedForAsLongAsTheKernelMayTake() =>
        Assert.That(GuestDebt.Of(Fresh with { Sockets = 6 }, Fresh, Begin, Patience), Is.EqualTo(new GuestDebt(2, Begin + Patience)));

    [TestCase(4, 200_000)]
    [TestCase(3, 200_000)]
    [TestCase(4, 100_000)]
    [TestCase(6, 100_000)]
    public void Of_NothingOrMemory_IsNoDebt(int sockets, long availableKiB) =>
        Assert.That(GuestDebt.Of(new GuestState(sockets, availableKiB), Fresh, Begin, Patience), Is.Null);

    [TestCase(6, 200_000, 2.9, true)]
    [TestCase(5, 200_000, 2.9, true)]
    [TestCase(6, 200_000, 3.0, false, TestName = "Explains_WhenItIsDue_NoLonger")]
    [TestCase(7, 200_000, 0.1, false, TestName = "Explains_AnotherSocket_DoesNot")]
    [TestCase(6, 100_000, 0.1, false, TestName = "Explains_MissingMemory_DoesNot")]
    public void Explains_WhatIsLeft_WhileItIsTheDebt(int sockets, long availableKiB, double later, bool explained)
    {
        GuestDebt debt = new(2, Begin + Patience);
        Assert.That(debt.Explains(new GuestState(sockets, availableKiB), Fresh, Begin + TimeSpan.FromSeconds(later)), Is.EqualTo(explained));
    }
}
