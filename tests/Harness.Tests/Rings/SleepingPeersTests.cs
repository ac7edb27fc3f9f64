using NUnit.Framework;
using Vsockspec.Rings;

namespace Vsockspec.Harness.Tests.Rings;

/// <summary>Driver and device on a thread each, both asleep unless notified: a barrier or event rule that is wrong leaves them asleep.</summary>
[TestFixture]
public class SleepingPeersTests
{
    private const int Chains = 100_000;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Test]
    [CancelAfter(120_000)]
    public async Task Peers_SleepUnlessNotified_LoseNothing([Values] RingLayout layout, [Values] bool eventIdx, CancellationToken cancel)
    {
        using RingPair pair = new(layout, 16, eventIdx: eventIdx);
        using SemaphoreSlim kick = new(0);
        using SemaphoreSlim call = new(0);
        Task<int> device = Task.Run(() => RunDevice(pair, kick, call, cancel), cancel);
        Task<int> driver = Task.Run(() => RunDriver(pair, kick, call, cancel), cancel);
        await Task.WhenAll(device, driver);
        Assert.That((await device, await driver), Is.EqualTo((Chains, Chains)));
    }

    private static int RunDriver(RingPair pair, SemaphoreSlim kick, SemaphoreSlim call, CancellationToken cancel)
    {
        int sent = 0;
        int back = 0;
        while (back < Chains)
        {
            while (sent < Chains && pair.Driver.TryPost([RingBuffer.Readable(pair.Data, (uint)sent)], out _))
            {
                sent++;
            }

            pair.Driver.Publish();
            if (pair.Driver.KickNeeded())
            {
                kick.Release();
            }

            pair.Driver.DisableCalls();
            while (pair.Driver.TryTakeUsed(out UsedChain used))
            {
                Assert.That(used.Length, Is.EqualTo((uint)back++));
            }

            bool roomAgain = sent < Chains && pair.Driver.FreeDescriptors > 0;
            if (back < Chains && !roomAgain && !pair.Driver.EnableCalls() && !call.Wait(Patience, cancel))
            {
                Assert.Fail($"the driver slept for good with {back} of {sent} chains back");
            }
        }

        return back;
    }

    private static int RunDevice(RingPair pair, SemaphoreSlim kick, SemaphoreSlim call, CancellationToken cancel)
    {
        int served = 0;
        while (served < Chains)
        {
            pair.Device.DisableKicks();
            while (pair.Device.TryTake(pair.Chain) == TakeResult.Chain)
            {
                Assert.That(pair.Chain.ReadableBytes, Is.EqualTo((ulong)served++));
                pair.Device.Complete(pair.Chain.Id, pair.Chain.RingEntries, (uint)pair.Chain.ReadableBytes);
                pair.Device.PublishUsed();
                if (pair.Device.CallNeeded())
                {
                    call.Release();
                }
            }

            if (served < Chains && !pair.Device.EnableKicks() && !kick.Wait(Patience, cancel))
            {
                Assert.Fail($"the device slept for good after {served} chains");
            }
        }

        return served;
    }
}
