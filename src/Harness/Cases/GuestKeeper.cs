using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Peers;
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

    /// <summary>How long what a case left may take to go; see <see cref="GuestDebt"/>.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    /// <summary>How long it is waited for before the next case goes on with it.</summary>
    private static readonly TimeSpan Moment = TimeSpan.FromMilliseconds(100);

    /// <summary>Between two looks.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(5);

    /// <summary>Pieces of kernel log that are read after one case; a kernel that says more floods.</summary>
    private const int MaxPieces = 32;

    /// <summary>A guest whose KVM is itself in a translated machine takes half a minute.</summary>
    private static readonly TimeSpan RestartLimit = TimeSpan.FromMinutes(2);

    /// <summary>Of a guest that has started anew.</summary>
    private readonly List<KernelReport> reportsBefore = [];

    private bool isForOneCase;
    private Guest? guest;
    private GuestWire? wire;
    private GuestState? fresh;
    private GuestDebt? debt;
    private GuestRecord? record;
    private VirtioFeatures? accepted;
    private KvmWitness? kvm;
    private ulong mark;

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
        wire = GuestWire.On(target);
        return Boot(target, cancellation);
    }

    /// <summary>Ends the guest at once, as a machine that loses its power, and boots another on the same device.</summary>
    /// <exception cref="GuestException">It did not boot.</exception>
    public Guest Reboot(ITargetInstance target, CancellationToken cancellation)
    {
        ReleaseGuest();
        return Boot(target, cancellation);
    }

    /// <summary>The guest if its kernel may start its machine anew, else another one on the same device that may; null where guests cannot.</summary>
    /// <exception cref="GuestException">It did not boot.</exception>
    public Guest? Restartable(ITargetInstance target, CancellationToken cancellation)
    {
        if (guest is { CanRestart: true })
        {
            return guest;
        }

        if (!source.CanRestart)
        {
            return null;
        }

        ReleaseGuest();
        isForOneCase = true;
        return Boot(target, source.BootRestartable, cancellation);
    }

    /// <summary>Lets the guest's kernel start its machine anew. What it has reported until then is not forgotten.</summary>
    /// <exception cref="GuestException">It did not come up again.</exception>
    public void Restart()
    {
        reportsBefore.AddRange(Reports());
        long begin = Stopwatch.GetTimestamp();
        _ = guest!.Agent.Restart(RestartLimit).GetAwaiter().GetResult();
        record = record! with { ReadyMs = Math.Round(Stopwatch.GetElapsedTime(begin).TotalMilliseconds) };
        Tell(record);
        Learn();
    }

    /// <summary>A second guest, on a device of its own.</summary>
    /// <exception cref="GuestException">It did not boot.</exception>
    /// <exception cref="TargetException">The device did not start.</exception>
    public GuestSide Another(IDeviceTarget target, ulong guestCid, Timeline timeline, CancellationToken cancellation) =>
        GuestSide.Boot(target, guestCid, source, timeline, cancellation);

    private Guest Boot(ITargetInstance target, CancellationToken cancellation) => Boot(target, source.Boot, cancellation);

    private Guest Boot(ITargetInstance target, Func<GuestVsock, CancellationToken, Guest> boot, CancellationToken cancellation)
    {
        guest = boot(wire?.Device ?? GuestVsock.Of(target), cancellation);
        Learn();
        record = GuestRecord.Of(guest, accepted);
        Tell(record);

        // To watch, the kernel patches its code, which a translated kernel sometimes does not survive (docs/lab.md).
        kvm = KvmProof.IsTranslated ? null : KvmWitness.Of(guest);
        return guest;
    }

    /// <summary>What the guest is like before a case.</summary>
    private void Learn()
    {
        accepted = guest!.Agent.AcceptedFeatures().GetAwaiter().GetResult();
        fresh = GuestState.Of(guest.Agent).GetAwaiter().GetResult();
        debt = null;
        mark = guest.Agent.MarkKernelLog().GetAwaiter().GetResult();
    }

    /// <summary>Looks at the guest and its rings after a case. What the auditor found, and what the guest's kernel complained of, is told with the result.</summary>
    /// <param name="audit">Adds what was seen on the rings to a result.</param>
    public CaseResult Inspect(CaseResult result, Func<CaseResult, GuestCaseEvidence, CaseResult> audit)
    {
        if (guest is null)
        {
            return result;
        }

        string? broken = Reset();
        if (wire is not null)
        {
            GuestCaseEvidence seen = wire.Take();
            result = wire.Judge(audit(result, seen));
            TellOfDriver(result, seen);
        }

        if (broken is not null)
        {
            GiveUp(result, broken);
            return result;
        }

        try
        {
            KernelReport[] reports = [.. reportsBefore, .. Reports()];
            reportsBefore.Clear();
            if (reports is [var first, ..])
            {
                GiveUp(result, "its kernel complained");
                return Complained(result, first, reports);
            }

            // After a failure the next case gets another guest whatever this one has kept.
            if (Verdicts.ExitCode([result.Verdict]) == 0 && LeftBehind() is { } left)
            {
                GiveUp(result, $"{left} were left");
            }
            else if (isForOneCase)
            {
                GiveUp(result, "it may start anew, and other cases want one that ends with a panic");
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
        ReleaseGuest();
        wire?.Dispose();
        wire = null;
    }

    private void ReleaseGuest()
    {
        if (kvm is not null)
        {
            Tell(record! with { Boots = 0, Kvm = kvm.Read() });
            kvm.Dispose();
            kvm = null;
        }

        guest?.Dispose();
        guest = null;
        isForOneCase = false;
        reportsBefore.Clear();
    }

    /// <summary>Null when all calls have ended and all sockets are closed; otherwise what is wrong with the guest.</summary>
    private string? Reset()
    {
        if (guest!.HasExited)
        {
            return "it ended";
        }

        try
        {
            guest.Agent.Reset().GetAwaiter().GetResult().OrThrow("reset");
            return null;
        }
        catch (Exception e) when (e is GuestException or GuestCallException)
        {
            return Printable.Clean(e.Message.Split('\n')[0]);
        }
    }

    /// <summary>The target is the device: what the guest's driver does wrong is told beside the results.</summary>
    private void TellOfDriver(CaseResult result, GuestCaseEvidence seen)
    {
        if (seen.DriverFindings.Count > 0)
        {
            Tell(record! with { Boots = 0, DriverFindings = [.. seen.DriverFindings.Select(f => $"{result.FullName}: {f.Requirement}: packet {f.Packet}: {f.Detail}")] });
        }
    }

    public void Dispose() => Release();

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

    /// <summary>What is left of the case, or of those before it, and should not be; null: nothing.</summary>
    private string? LeftBehind()
    {
        TimeSpan begin = Stopwatch.GetElapsedTime(0);
        while (true)
        {
            GuestState state = GuestState.Of(guest!.Agent).GetAwaiter().GetResult();
            TimeSpan now = Stopwatch.GetElapsedTime(0);
            if (state.LeftSince(fresh!) is not { } left)
            {
                debt = null;
                return null;
            }

            if (debt is null && now - begin > Moment)
            {
                debt = GuestDebt.Of(state, fresh!, begin, Patience);
            }

            if (debt is not null && debt.Explains(state, fresh!, now))
            {
                return null;
            }

            if (now - begin > Patience)
            {
                return left;
            }

            if (guest.WaitForExit(Glance))
            {
                return null;
            }
        }
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
