using NUnit.Framework;
using Vsockspec.Audit;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Audit;

/// <summary>Each rule, once broken and once kept by a hair.</summary>
[TestFixture]
public class AuditorTests
{
    [Test]
    public void WholeConnection_OfAnyType_IsLegal([Values] SocketType type)
    {
        AuditScript script = new() { Type = type };
        script.Connects().Sends(Op.Rw, 100).Receives(Op.CreditUpdate, fwdCnt: 100).Receives(Op.Rw, 5, fwdCnt: 100);
        script.Receives(Op.CreditRequest, fwdCnt: 100).Sends(Op.CreditUpdate);
        script.Receives(Op.Shutdown, flags: 2, fwdCnt: 100).Sends(Op.Shutdown, flags: 3).Receives(Op.Rst, fwdCnt: 100);
        script.Fences().Connects().Receives(Op.Rw, 1);
        script.IsLegal();
    }

    [Test]
    public void DeviceRequest_IsAnswered_IsLegal() =>
        new AuditScript().Receives(Op.Request).Sends(Op.Response).Receives(Op.Rw, 5).Sends(Op.Rst).Fences().Receives(Op.Request).Sends(Op.Response)
            .Receives(Op.Rw, 5).IsLegal();

    [Test]
    public void Op_OutOfRange_Violates([Values(0, 8, 0xffff)] int op) => new AuditScript().Connects().Receives((Op)op).Violates("VS-X-10");

    [Test]
    public void Type_OutOfRange_Violates() => new AuditScript().Receives(Op.Request, edit: h => h with { Type = (SocketType)3 }).Violates("VS-X-16");

    [Test]
    public void Reset_RepeatsStrangeType_IsLegal()
    {
        AuditScript script = new();
        script.Sends(Op.Request, edit: h => h with { Type = (SocketType)99 }).Receives(Op.Rst, edit: h => h with { Type = (SocketType)99 });
        script.IsLegal();
    }

    [Test]
    public void Type_NotAccepted_Violates() =>
        new AuditScript(VirtioFeatures.Version1 | VirtioFeatures.Stream) { Type = SocketType.Seqpacket }.Receives(Op.Request).Violates("VS-X-43");

    [Test]
    public void Stream_WithNoFeatureOfTheDeviceType_IsLegal() => new AuditScript(VirtioFeatures.Version1).Connects().Receives(Op.Rw, 1).IsLegal();

    [Test]
    public void Type_ChangesWithinFlow_Violates() =>
        new AuditScript().Connects().Receives(Op.Rw, 1, edit: h => h with { Type = SocketType.Seqpacket }).Violates("VS-X-16");

    [Test]
    public void Reset_OfOtherType_IsLegal() => new AuditScript().Connects().Receives(Op.Rst, edit: h => h with { Type = SocketType.Seqpacket }).Notes("B-10");

    [Test]
    public void UpperHalfOfCid_Set_Violates() =>
        new AuditScript().Sends(Op.Request).Receives(Op.Response, edit: h => h with { SrcCid = h.SrcCid | (1UL << 32) }).Violates("VS-X-09");

    [Test]
    public void OddAddresses_OfGuest_MayBeAnswered()
    {
        AuditScript script = new();
        script.Sends(Op.Request, edit: h => h with { SrcCid = 77 }).Receives(Op.Rst, edit: h => h with { DstCid = 77 });
        script.Sends(Op.Request, edit: h => h with { DstCid = 5UL << 32 }).Receives(Op.Rst, edit: h => h with { SrcCid = 5UL << 32 });
        script.Sends(Op.Request, edit: h => h with { DstCid = AuditScript.Guest }).Receives(Op.Request, edit: h => h with { SrcCid = AuditScript.Guest });
        script.IsLegal();
    }

    [Test]
    public void Destination_OfAnotherGuest_Violates() => new AuditScript().Receives(Op.Rst, edit: h => h with { DstCid = 4 }).Violates("VS-X-13");

    [Test]
    public void Source_OfGuestItself_Violates() =>
        new AuditScript().Receives(Op.Rst, edit: h => h with { SrcCid = AuditScript.Guest }).Violates("VS-X-13");

    [Test]
    public void Source_Reserved_Violates() => new AuditScript().Receives(Op.Rst, edit: h => h with { SrcCid = 0 }).Violates("VS-X-06");

    [Test]
    public void Source_OfSibling_IsLegal() => new AuditScript().Receives(Op.Request, edit: h => h with { SrcCid = 9 }).Notes("VS-X-06");

    [Test]
    public void Length_BeyondChain_Violates() => new AuditScript().Connects().Receives(Op.Rw, 5, edit: h => h with { Len = 6 }).Violates("VS-X-11");

    [Test]
    public void Length_ShortOfChain_IsLegal() => new AuditScript().Connects().Receives(Op.Rw, 5, edit: h => h with { Len = 4 }).Notes("VQ-16");

    [Test]
    public void Header_CutShort_Violates() => new AuditScript().ReceivesBytes(new byte[43]).Violates("VS-X-08");

    [Test]
    public void RxChain_ComesBackEmpty_IsLegal() => new AuditScript().ReceivesBytes([]).Notes("B-46");

    [Test]
    public void Header_CutShortByTheBuffer_IsLegal()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Rx, 5, RingBuffer.Writable(0, 20)).Auditor.Published(VsockQueue.Rx);
        script.Uses(VsockQueue.Rx, 5, 20).Auditor.ReceivedPacket(5, new byte[20]);
        script.IsLegal();
    }

    [Test]
    public void Flags_WithoutMeaning_AreNoted() => new AuditScript().Connects().Receives(Op.Shutdown, flags: 5).Notes("B-45");

    [Test]
    public void Response_Unasked_Violates() => new AuditScript().Receives(Op.Response).Violates("VS-X-28");

    [Test]
    public void Response_Twice_Violates() => new AuditScript().Connects().Receives(Op.Response).Violates("VS-X-28");

    [Test]
    public void Response_ToOwnRequest_Violates() => new AuditScript().Receives(Op.Request).Receives(Op.Response).Violates("VS-X-28");

    [Test]
    public void Data_BeforeResponse_Violates() => new AuditScript().Sends(Op.Request).Receives(Op.Rw, 1).Violates("VS-X-28");

    [Test]
    public void Data_BeforeDriverAnswers_Violates() => new AuditScript().Receives(Op.Request).Receives(Op.Rw, 1).Violates("VS-X-28");

    [Test]
    public void Data_OfUnknownFlow_Violates() => new AuditScript().Receives(Op.Rw, 1).Violates("VS-X-28");

    [Test]
    public void Data_AfterOwnReset_Violates() => new AuditScript().Connects().Receives(Op.Rst).Receives(Op.Rw, 1).Violates("VS-X-33");

    [Test]
    public void Data_AfterDriversReset_ViolatesOnceItIsProcessed()
    {
        AuditScript script = new();
        script.Connects().Sends(Op.Rst).Receives(Op.Rw, 1).IsLegal();
        script.Fences().Receives(Op.Rw, 1).Violates("VS-X-33");
    }

    [Test]
    public void Data_AfterOwnShutdown_Violates()
    {
        AuditScript script = new();
        script.Connects().Receives(Op.Shutdown, flags: 1).Receives(Op.Rw, 1).IsLegal();
        script.Receives(Op.Shutdown, flags: 2).Receives(Op.Shutdown).Receives(Op.Rw, 1).Violates("VS-X-31");
    }

    [Test]
    public void Data_AfterDriverReceivesNoMore_IsNoted() =>
        new AuditScript().Connects().Sends(Op.Shutdown, flags: 1).Fences().Receives(Op.Rw, 1).Notes("B-20");

    [Test]
    public void Request_OnLiveFlow_Violates() => new AuditScript().Receives(Op.Request).Sends(Op.Response).Receives(Op.Request).Violates("VS-X-36");

    [Test]
    public void Reuse_WithoutFence_IsNotJudged()
    {
        AuditScript script = new();

        // The first connection's last packets and its RST may reach us after we asked anew.
        script.Connects().Sends(Op.Rst).Sends(Op.Request).Receives(Op.Rw, 1).Receives(Op.Rst).Receives(Op.Response).Receives(Op.Rw, 1);
        script.IsLegal();
    }

    [Test]
    public void TwoTypes_OnTheSamePorts_AreNotJudged()
    {
        // To a device that counts the type among a flow's addresses these are two flows, and the RST ends only one.
        AuditScript script = new();
        script.Connects().Sends(Op.Request, edit: OfOtherType).Receives(Op.Response, edit: OfOtherType).Sends(Op.Rst).Fences();
        script.Connects().Receives(Op.Rw, 1, edit: OfOtherType).Receives(Op.Rw, 1);
        script.IsLegal();

        static VsockHeader OfOtherType(VsockHeader header) => header with { Type = SocketType.Seqpacket };
    }

    [Test]
    public void StrangeDriver_OnFlow_LeavesDeviceFree()
    {
        AuditScript script = new();
        script.Sends(Op.Rw, 1).Sends(Op.CreditRequest).Receives(Op.CreditUpdate).Receives(Op.Rst);
        script.IsLegal();
    }

    [Test]
    public void Credit_IsUsedUp_ViolatesWithTheNextByte()
    {
        AuditScript script = new() { BufAlloc = 10 };
        script.Connects().Receives(Op.Rw, 10).Receives(Op.Rw).IsLegal();
        script.Receives(Op.Rw, 1).Violates("VS-CRED-DEV-1");
        Assert.That(script.Auditor.Findings[0].Detail, Does.Contain("11").And.Contains("10"));
    }

    [Test]
    public void Credit_Shrinks_OldOneHoldsUntilFence()
    {
        AuditScript script = new() { BufAlloc = 100 };
        script.Connects().Receives(Op.Rw, 40);
        script.BufAlloc = 50;
        script.Sends(Op.CreditUpdate).Receives(Op.Rw, 30).IsLegal();
        script.Fences().Receives(Op.Rw, 1).Violates("VS-CRED-DEV-1");
    }

    [Test]
    public void Credit_ComesBack_IsLegal()
    {
        AuditScript script = new() { BufAlloc = 10 };
        script.Connects();
        for (uint i = 1; i <= 20; i++)
        {
            script.Receives(Op.Rw, 10);
            script.FwdCnt = i * 10;
            script.Sends(Op.CreditUpdate).Fences();
        }

        script.IsLegal();
    }

    [Test]
    public void Credit_OfLyingDriver_IsNotJudged()
    {
        AuditScript script = new() { BufAlloc = 10 };
        script.Connects();
        script.FwdCnt = 1000;
        script.Sends(Op.CreditUpdate).Receives(Op.Rw, 500);
        script.IsLegal();
    }

    [Test]
    public void Credit_BeyondFourGiB_StillCounts()
    {
        const uint Piece = 64 * 1024;
        AuditScript script = new() { BufAlloc = Piece };
        script.Connects();
        for (ulong sent = Piece; sent <= (1UL << 32) + (2 * Piece); sent += Piece)
        {
            script.Receives(Op.Rw, Piece);
            script.FwdCnt = (uint)sent;
            script.Sends(Op.CreditUpdate);
        }

        script.IsLegal();
        script.Receives(Op.Rw, Piece).IsLegal();
        script.Receives(Op.Rw, 1).Violates("VS-CRED-DEV-1");
    }

    [Test]
    public void FwdCnt_AheadOfWhatWasSent_Violates()
    {
        AuditScript script = new();
        script.Connects().Sends(Op.Rw, 10).Receives(Op.CreditUpdate, fwdCnt: 10).IsLegal();
        script.Receives(Op.CreditUpdate, fwdCnt: 11).Violates("VS-CRED-DEV-2");
    }

    [Test]
    public void FwdCnt_Decreases_Violates() =>
        new AuditScript().Connects().Sends(Op.Rw, 10).Receives(Op.CreditUpdate, fwdCnt: 10).Receives(Op.CreditUpdate, fwdCnt: 9).Violates("VS-CRED-DEV-2");

    [Test]
    public void FwdCnt_OfSeqpacket_IsNoted() =>
        new AuditScript { Type = SocketType.Seqpacket }.Connects().Receives(Op.CreditUpdate, fwdCnt: 1).Notes("VS-CRED-DEV-2");

    [Test]
    public void Reset_WithoutCredit_IsLegal() => new AuditScript().Connects().Receives(Op.Rst, edit: h => h with { BufAlloc = 0 }).Notes("B-61");

    [Test]
    public void Chain_ReturnedTwice_Violates()
    {
        AuditScript script = new();
        script.Sends(Op.Request).Uses(VsockQueue.Tx, 0, 0).Violates("VQ-18");
    }

    [Test]
    public void Chain_NeverPosted_Violates() => new AuditScript().Uses(VsockQueue.Rx, uint.MaxValue, 0).Violates("VQ-18");

    [Test]
    public void Chain_NotPublished_Violates() =>
        new AuditScript().Posts(VsockQueue.Rx, 1, RingBuffer.Writable(0, 100)).Uses(VsockQueue.Rx, 1, 44).Violates("VQ-18");

    [Test]
    public void UsedLength_BeyondChain_Violates()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Tx, 1, RingBuffer.Readable(0, 100)).Auditor.Published(VsockQueue.Tx);
        script.Uses(VsockQueue.Tx, 1, 1).Violates("VQ-16");
    }

    [Test]
    public void Order_Broken_Violates()
    {
        AuditScript script = new(VirtioFeatures.Version1 | VirtioFeatures.InOrder);
        script.Posts(VsockQueue.Rx, 1, RingBuffer.Writable(0, 100)).Posts(VsockQueue.Rx, 2, RingBuffer.Writable(0, 100)).Auditor.Published(VsockQueue.Rx);
        script.Uses(VsockQueue.Rx, 2, 44).Uses(VsockQueue.Rx, 1, 44).Violates("FE-12");
    }

    [Test]
    public void Order_NotPromised_IsFree()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Rx, 1, RingBuffer.Writable(0, 100)).Posts(VsockQueue.Rx, 2, RingBuffer.Writable(0, 100)).Auditor.Published(VsockQueue.Rx);
        script.Uses(VsockQueue.Rx, 2, 44).Uses(VsockQueue.Rx, 1, 44).IsLegal();
    }

    [Test]
    public void TxChain_Kept_ViolatesAfterFence()
    {
        AuditScript script = new();
        byte[] packet = new byte[VsockHeader.Size];
        script.Posts(VsockQueue.Tx, 7, RingBuffer.Readable(0, VsockHeader.Size));
        script.Auditor.SentPacket(7, packet);
        script.Auditor.Published(VsockQueue.Tx);
        script.Auditor.EndOfSession();
        script.IsLegal();
        script.Fences().Auditor.EndOfSession();
        script.Violates("VQ-18");
    }

    [Test]
    public void Taint_OfQueue_EndsItsJudgement()
    {
        AuditScript script = new();
        script.Connects().Auditor.Taint(VsockQueue.Tx);
        script.Uses(VsockQueue.Tx, 99, 99).Receives(Op.Response).IsLegal();
        script.Receives((Op)9).Violates("VS-X-10");
    }

    [Test]
    public void UnseenPacket_Posted_EndsJudgementOfFlows()
    {
        AuditScript script = new();
        script.Posts(VsockQueue.Tx, 1, RingBuffer.Readable(0, 44)).Auditor.Published(VsockQueue.Tx);
        script.Receives(Op.Response).IsLegal();
    }

    [Test]
    public void Report_OfDriver_IsKept()
    {
        AuditScript script = new(firstPacket: 10);
        script.Sends(Op.Request).Auditor.Violated("VQ-05", VsockQueue.Rx, "a byte was written");
        Assert.That(script.Auditor.Findings, Is.EqualTo((Finding[])[new("VQ-05", 10, "rx: a byte was written", FindingSeverity.Violation)]));
    }

    [Test]
    public void Findings_OfHopelessDevice_AreBounded()
    {
        AuditScript script = new();
        for (int i = 0; i < 1000; i++)
        {
            script.Receives((Op)9);
        }

        Assert.That(script.Auditor.Findings, Has.Count.EqualTo(100));
        Assert.That(script.Auditor.ViolationCount, Is.EqualTo(1000));
    }

    [Test]
    public void HostileDevice_WhateverItDoes_NeverThrows()
    {
        Random random = new(5);
        AuditScript script = new();
        byte[] packet = new byte[200];
        for (int i = 0; i < 100_000; i++)
        {
            random.NextBytes(packet);
            packet.AsSpan(random.Next(VsockHeader.Size), random.Next(20)).Clear();
            int queue = random.Next(-1, 4);
            uint id = random.Next(3) == 0 ? (uint)random.Next() << 1 : (uint)random.Next(300);
            switch (random.Next(6))
            {
                case 0:
                    script.Posts(queue, id, new RingBuffer(0, (uint)random.Next(), random.Next(2) == 0));
                    break;
                case 1:
                    script.Auditor.Published(queue);
                    break;
                case 2:
                    script.Uses(queue, id, (uint)random.Next());
                    break;
                case 3:
                    script.Auditor.SentPacket(id, packet.AsSpan(0, random.Next(packet.Length)));
                    break;
                case 4:
                    script.Auditor.ReceivedPacket(id, packet.AsSpan(0, random.Next(packet.Length)));
                    break;
                default:
                    script.Fences();
                    break;
            }
        }

        script.Auditor.EndOfSession();
        Assert.That(script.Auditor.Findings, Has.Count.LessThanOrEqualTo(100));
    }

    [Test]
    public void Statistics_OfSession_AreCounted()
    {
        AuditScript script = new();
        script.Connects().Sends(Op.Rw, 7).Receives(Op.Rw, 9).Receives(Op.CreditUpdate).Fences();
        script.Auditor.Kicked(VsockQueue.Tx);
        script.Auditor.Called(VsockQueue.Rx, 3);
        AuditStatistics expected = new()
        {
            TxKicks = 1,
            RxCalls = 3,
            PacketsSent = 2,
            PacketsReceived = 3,
            BytesSent = 7,
            BytesReceived = 9,
            CreditUpdatesReceived = 1,
            Fences = 1,
        };
        Assert.That(script.Auditor.Statistics, Is.EqualTo(expected));
    }

    [Test]
    public void Packets_InSteadyState_AllocateNothing()
    {
        AuditScript script = new();
        script.Connects();
        Exchange(script, 100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Exchange(script, 10_000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        script.IsLegal();
    }

    private static void Exchange(AuditScript script, int rounds)
    {
        for (int i = 0; i < rounds; i++)
        {
            script.Receives(Op.Rw, 100);
            script.FwdCnt += 100;
            script.Sends(Op.Rw, 10).Sends(Op.CreditUpdate).Fences();
        }
    }
}
