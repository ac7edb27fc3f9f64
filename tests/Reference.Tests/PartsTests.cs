using System.Text;
using CsCheck;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Wire;

namespace Vsockspec.Reference.Tests;

/// <summary>The small parts against models that do not wrap.</summary>
[TestFixture]
internal sealed class PartsTests
{
    [Test]
    public void PeerCredit_AnyCounters_IsRoomInTheBuffer() =>
        Gen.Select(Gen.ULong[0, 1UL << 40], Gen.UInt, Gen.UInt).Sample((forwarded, inFlight, bufAlloc) =>
        {
            ulong sent = forwarded + inFlight;
            PeerCredit credit = new() { BufAlloc = bufAlloc, FwdCnt = (uint)forwarded, Sent = (uint)sent };
            return credit.Free == Math.Max(0, (long)bufAlloc - inFlight);
        });

    [Test]
    public void ReceiveWindow_LegalSender_NeverOverrunsAndNeverStalls() =>
        Gen.Select(Gen.UInt, Gen.Int[1, 5000].Array[1, 50]).Sample((start, packets) =>
        {
            const uint Size = 4096;
            ReceiveWindow window = new(Size) { Received = start, Forwarded = start, Told = start };
            foreach (int packet in packets)
            {
                uint length = Math.Min((uint)packet, window.Open);
                if (window.IsOverrunBy(length) || !window.IsOverrunBy(window.Open + 1))
                {
                    return false;
                }

                window.Received += length;
                window.Forwarded = window.Received;
                if (window.IsUpdateDue(peerBufAlloc: uint.MaxValue))
                {
                    window.Told = window.Forwarded;
                }

                if (window.Open < Size / 2)
                {
                    return false;
                }
            }

            return true;
        });

    [Test]
    public void ByteRing_AnyUse_IsAQueue() =>
        Gen.Int[-40, 40].Array[1, 60].Sample(steps =>
        {
            ByteRing ring = new(new RingStorage(64));
            Queue<byte> model = new();
            IoVectors pieces = new();
            byte next = 0;
            foreach (int step in steps)
            {
                if (step >= 0)
                {
                    byte[] bytes = [.. Enumerable.Range(0, Math.Min(step, ring.Room)).Select(_ => next++)];
                    ring.Append(bytes);
                    Array.ForEach(bytes, model.Enqueue);
                }
                else
                {
                    int count = Math.Min(-step, ring.Count);
                    pieces.Clear();
                    ring.Gather(pieces, count);
                    List<byte> taken = [];
                    for (int i = 0; i < pieces.Count; i++)
                    {
                        taken.AddRange(pieces[i]);
                    }

                    if (!taken.SequenceEqual(model.Take(count)))
                    {
                        return false;
                    }

                    ring.Discard(count);
                    for (int i = 0; i < count; i++)
                    {
                        model.Dequeue();
                    }
                }

                if (ring.Count != model.Count || ring.Room != 64 - model.Count)
                {
                    return false;
                }
            }

            return true;
        });

    [Test]
    public void Handshake_AnyPort_IsParsed() =>
        Gen.UInt.Sample(port => HostHandshake.TryParse(Encoding.ASCII.GetBytes($"CONNECT {port}\n"), out uint parsed) && parsed == port);

    [Test]
    public void Handshake_AnyBytes_AreParsedOnlyIfTheyAreTheLine() =>
        Gen.Byte.Array[1, 32].Sample(line => !HostHandshake.TryParse(line, out uint port) || Encoding.ASCII.GetString(line) == $"CONNECT {port}\n");

    [Test]
    public void Options_PathsTooLong_AreRefused()
    {
        ReferenceOptions good = new() { Socket = "/tmp/" + new string('v', 102), Uds = "/tmp/" + new string('u', 91), GuestCid = 3 };
        Assert.Multiple(() =>
        {
            Assert.That(good.Validate(), Is.Null);
            Assert.That((good with { Socket = good.Socket + "v" }).Validate(), Does.Contain("--socket"));
            Assert.That((good with { Uds = good.Uds + "u" }).Validate(), Does.Contain("--uds"));
            Assert.That((good with { CloseTimeout = TimeSpan.Zero }).Validate(), Does.Contain("--close-timeout-ms"));
        });
    }

    [Test]
    public void Types_InForce_FollowTheRegister([Values(0ul, 1ul, 2ul, 3ul, 4ul, 5ul, 6ul, 7ul)] ulong accepted)
    {
        FeatureRules rules = new();
        bool stream = accepted is 0 or 1 or 2 or 3 or 5 or 7;
        Assert.That(rules.InForce((VirtioFeatures)accepted, SocketType.Stream), Is.EqualTo(stream));
        Assert.That(rules.InForce((VirtioFeatures)accepted, SocketType.Seqpacket), Is.EqualTo((accepted & 2) != 0));
        Assert.That(rules.InForce((VirtioFeatures)accepted, 0), Is.False);
    }
}
