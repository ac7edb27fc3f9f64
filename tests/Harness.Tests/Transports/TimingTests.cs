using System.Diagnostics;
using System.Globalization;
using NUnit.Framework;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Harness.Tests.Transports;

/// <summary>What a session costs; printed, not judged: the machine is not ours alone.</summary>
public sealed class TimingTests
{
    [Test]
    public void Session_OpenedAndClosed_CostsThisMuch([Values] bool pipelined)
    {
        const int Sessions = 200;
        using TestQueues queues = new();
        QueueSetup[] setups = [queues.Setup(0), queues.Setup(1), queues.Setup(2)];
        double[] microseconds = new double[Sessions];
        for (int i = 0; i < Sessions; i++)
        {
            (VhostUserFrontEnd front, BackEndHost host) = BackEndHost.Connect(new VhostUserFrontEndOptions { Pipelined = pipelined });
            using (host)
            using (front)
            {
                long start = Stopwatch.GetTimestamp();
                front.Negotiate();
                front.AcceptFeatures(VirtioFeatures.Version1);
                front.ShareMemory(queues.Memory);
                foreach (QueueSetup setup in setups)
                {
                    front.SetUpQueue(setup);
                }

                foreach (QueueSetup setup in setups)
                {
                    front.StartQueue(setup.Index);
                }

                microseconds[i] = Stopwatch.GetElapsedTime(start).TotalMicroseconds;
                Assert.That(host.Handler.Queues, Has.Count.EqualTo(3));
            }
        }

        Array.Sort(microseconds);
        TestContext.Out.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"session setup, pipelined {pipelined}: median {microseconds[Sessions / 2]:0} µs, 90 % below {microseconds[Sessions * 9 / 10]:0} µs"));
    }

    /// <summary>A new front end finds no trace of those before it.</summary>
    [Test]
    public void Session_OpenedAThousandTimes_LeavesNothingBehind()
    {
        using TestQueues queues = new();
        QueueSetup setup = queues.Setup(1);
        int before = OpenDescriptors.Count();
        for (int i = 0; i < 1_000; i++)
        {
            (VhostUserFrontEnd front, BackEndHost host) = BackEndHost.Connect();
            using (host)
            using (front)
            {
                front.Negotiate();
                front.AcceptFeatures(VirtioFeatures.Version1);
                front.ShareMemory(queues.Memory);
                front.SetUpQueue(setup);
                front.StartQueue(1);
            }
        }

        Assert.That(OpenDescriptors.Count(), Is.EqualTo(before));
    }
}
