using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// The guest of one worker. It serves case after case for as long as it is as good as new: no call under way, no socket and no memory kept, no
/// complaint of its kernel. Otherwise the next case gets another.
/// </summary>
internal sealed class GuestKeeper(IGuestSource source, IRunListener listener) : IDisposable
{
    public const string ReportCode = "guest-kernel-report";

    /// <summary>
    /// How long what a case left may take to go. Linux holds a socket whose connect did not wait until the connect would have timed out, 2 s later
    /// (net/vmw_vsock/af_vsock.c, vsock_connect).
    /// </summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>Between two looks.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(5);

    /// <summary>Pieces of kernel log that are read after one case; a kernel that says more floods.</summary>
    private const int MaxPieces = 32;

    private Guest? guest;
    private GuestState? fresh;
    private GuestRecord? record;
    private VirtioFeatures? accepted;
    private KvmWitness? kvm;
    private ulong mark;

    public bool HasGuest => guest is not null;

    /// <summary>Features that a case needs and the running guest's driver did not accept.</summary>
    public VirtioFeatures Lacks(VirtioFeatures needed) => accepted is { } features ? needed & ~features : default;

    /// <summary>The guest of the cases before, or a new one.</summary>
    /// <exception cref="GuestException">It did not boot.</exception>
    /// <exception cref="KernelException">There is no kernel.</exception>
    public Guest Ready(ITargetInstance target, CancellationToken cancellation)
    {
        if (guest is { HasExited: false })
        {
            return guest;
        }

        Release();
        guest = source.Boot(DeviceOf(target), cancellation);
        accepted = guest.Agent.AcceptedFeatures().GetAwaiter().GetResult();
        fresh = GuestState.Of(guest.Agent).GetAwaiter().GetResult();
        mark = guest.Agent.MarkKernelLog().GetAwaiter().GetResult();
        record = GuestRecord.Of(guest, accepted);
        Tell(record);
        kvm = KvmWitness.Of(guest);
        return guest;
    }

    /// <summary>Looks at the guest after a case. What its kernel complained of is told with the result.</summary>
    public CaseResult Inspect(CaseResult result)
    {
        if (guest is null)
        {
            return result;
        }

        try
        {
            if (guest.HasExited)
            {
                GiveUp(result, "it ended");
                return result;
            }

            guest.Agent.Reset().GetAwaiter().GetResult().OrThrow("reset");
            if (Reports() is [var first, ..] reports)
            {
                GiveUp(result, "its kernel complained");
                return Complained(result, first, reports);
            }

            if (LeftBehind() is { } left)
            {
                GiveUp(result, $"{left} were left");
            }
        }
        catch (Exception e) when (e is GuestException or GuestCallException)
        {
            GiveUp(result, Printable.Clean(e.Message.Split('\n')[0]));
        }

        return result;
    }

    /// <summary>Ends the guest.</summary>
    public void Release()
    {
        if (kvm is not null)
        {
            Tell(record! with { Boots = 0, Kvm = kvm.Read() });
            kvm.Dispose();
            kvm = null;
        }

        guest?.Dispose();
        guest = null;
    }

    public void Dispose() => Release();

    private static GuestVsock DeviceOf(ITargetInstance target) => target switch
    {
        IVhostUserInstance back => new GuestVsock.VhostUser(back.Socket),
        IVhostKernelInstance kernel => new GuestVsock.Kernel(kernel.GuestCid),
        _ => throw new GuestException("no guest boots on a target of this transport"),
    };

    /// <summary>
    /// Who is at fault, the device or the guest's kernel, is for people to find out: a kernel must bear any device, but it may have been the device
    /// that did what it must not.
    /// </summary>
    private static CaseResult Complained(CaseResult result, KernelReport first, IReadOnlyList<KernelReport> reports) => result with
    {
        Verdict = Verdicts.Worst(result.Verdict, Verdict.Inconclusive),
        FailureCode = result.Verdict is Verdict.Fail or Verdict.HarnessError ? result.FailureCode : ReportCode,
        Expected = result.Verdict is Verdict.Fail or Verdict.HarnessError ? result.Expected : "the guest's kernel reports nothing",
        Observed = $"{(result.Observed is null ? "" : $"{result.Observed}; ")}the guest's kernel reported: {first.Headline}",
        Log = string.Join("\n\n", reports.Select(r => r.Text)),
    };

    private IReadOnlyList<KernelReport> Reports()
    {
        KernelReportReader reader = new();
        for (int i = 0; i < MaxPieces; i++)
        {
            GuestKernelLog piece = guest!.Agent.ReadKernelLog(mark).GetAwaiter().GetResult();
            if (piece.Lines.Count == 0)
            {
                break;
            }

            mark = piece.Mark;
            foreach (string line in piece.Lines)
            {
                reader.Add(line);
            }
        }

        return [.. reader.Take().Where(r => r.Counts)];
    }

    private string? LeftBehind()
    {
        long begin = Stopwatch.GetTimestamp();
        while (GuestState.Of(guest!.Agent).GetAwaiter().GetResult().LeftSince(fresh!) is { } left)
        {
            if (Stopwatch.GetElapsedTime(begin) > Patience)
            {
                return left;
            }

            if (guest.WaitForExit(Glance))
            {
                return null;
            }
        }

        return null;
    }

    private void GiveUp(CaseResult after, string why)
    {
        Tell(record! with { Boots = 0, GivenUp = [$"after {after.FullName}: {why}"] });
        Release();
    }

    private void Tell(GuestRecord guest)
    {
        lock (listener)
        {
            listener.GuestBooted(guest);
        }
    }
}
