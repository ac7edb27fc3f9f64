using CsCheck;
using NUnit.Framework;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

[TestFixture]
public class LegalWorldTests
{
    [Test]
    public void LegalDevice_WhateverTheDriverDoes_IsNeverAccused([Values] bool driverIsLegal) =>
        Gen.Int.Sample(
            seed =>
            {
                LegalWorld world = new(seed, driverIsLegal);
                world.Run(400);
                return world.Auditor.Findings.Count == 0
                    ? true
                    : throw new InvalidOperationException(string.Join('\n', world.Auditor.Findings));
            },
            iter: 3000);

    [Test]
    public void LegalDevice_CorruptsOneHeader_IsFoundOut() =>
        Gen.Select(Gen.Int, Gen.Int[0, 5], Gen.Int[0, 300]).Sample(
            (seed, fault, delay) =>
            {
                LegalWorld world = new(seed, driverIsLegal: true);
                bool corrupted = false;
                world.Corrupt = packet => corrupted |= --delay <= 0 && TryCorrupt(packet, fault);
                world.Run(600);
                return !corrupted || world.Auditor.Findings.Count > 0;
            },
            iter: 2000);

    [Test]
    public void Device_OverdrawsItsCredit_IsMostlyFoundOut()
    {
        // Not always: connections whose packets cross are not judged, and an advertisement since the last fence may excuse it.
        int found = Enumerable.Range(0, 300).Count(seed =>
        {
            LegalWorld world = new(seed, driverIsLegal: true) { Overdraft = 200 };
            world.Run(400);
            return world.Auditor.Findings.Any(f => f.Requirement == "VS-CRED-DEV-1");
        });
        Assert.That(found, Is.GreaterThan(200));
    }

    private static bool TryCorrupt(byte[] packet, int fault)
    {
        VsockHeader header = VsockHeader.Read(packet);
        VsockHeader corrupted = fault switch
        {
            0 => header with { Op = (Op)8 },
            1 => header with { SrcCid = header.SrcCid | (1UL << 32) },
            2 => header with { DstCid = 4 },
            3 => header with { SrcCid = header.DstCid },
            4 => header with { Len = (uint)packet.Length },
            _ => header with { Type = (SocketType)3 },
        };
        corrupted.Write(packet);
        return true;
    }
}
