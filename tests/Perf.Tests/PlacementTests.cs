using System.Diagnostics;
using NUnit.Framework;
using Vsockspec.Interop;
using Vsockspec.Perf.Counting;

namespace Vsockspec.Perf.Tests;

/// <summary>A shell that waits for its input to end stands for a target.</summary>
[TestFixture]
public sealed class PlacementTests
{
    private static readonly int[] All = [.. CpuAffinity.Allowed()];

    [Test]
    public void Target_OfEachKindOfWorkload_IsApartOrSharesAsItSays() => WithTarget((shell, processes) =>
    {
        Assert.That(Placement.IsOurs(processes));

        foreach (SharedWith shares in Enum.GetValues<SharedWith>())
        {
            Placement.Place(processes, shares);
            int[] expected = (All.Length, shares) switch
            {
                (> 2, _) => All[2..],
                (2, SharedWith.Driver) => [All[1]],
                (2, SharedWith.HostEnd) => [All[0]],
                _ => All,
            };
            Assert.That(Places(processes), Is.All.EqualTo(expected), $"{shares}");
        }

        Placement.Release(processes);
        Assert.That(Places(processes), Is.All.EqualTo(All));
    });

    [Test]
    public void Target_ThatWasGivenAPlace_IsNotOurs() => WithTarget((shell, processes) =>
    {
        if (All.Length < 2)
        {
            Assert.Ignore("one processor: nothing is placed");
        }

        Assert.That(CpuAffinity.Place(shell.Id, All[0]));
        Assert.That(Placement.IsOurs(processes), Is.False);
    });

    private static IReadOnlyList<int>[] Places(TargetProcesses processes) => [.. processes.Threads().Select(CpuAffinity.Allowed)];

    private static void WithTarget(Action<Process, TargetProcesses> test)
    {
        using Process shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "read line"]) { RedirectStandardInput = true })!;
        try
        {
            test(shell, TargetProcesses.Of(shell.Id));
        }
        finally
        {
            shell.StandardInput.Close();
            shell.WaitForExit();
        }
    }
}
