using System.Globalization;
using Vsockspec.Guests;
using Vsockspec.Interop;
using Vsockspec.Peers;
using Vsockspec.Targets;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What a case about a driver works with: the scripted device and the guest's sockets in one timeline, and words for what it finds. Lives for one run of one
/// case, on one thread. A case that returns has passed.
/// </summary>
public sealed class DriverContext : ICaseStage, IGuestScript
{
    private readonly SortedDictionary<string, string> recorded = new(StringComparer.Ordinal);
    private readonly DrivenGuest driven;
    private uint nextHostPort;
    private uint nextGuestPort;

    internal DriverContext(CaseRun run, DrivenGuest driven, TargetFacts facts, ulong seed, TimeSpan patience)
    {
        Run = run;
        this.driven = driven;
        Facts = facts;
        Seed = seed;
        Random = new Random((int)(seed ^ (seed >> 32)));
        Timeline = new Timeline(patience);
        nextHostPort = 0x4000_0000 + (uint)Random.Next(0x1000_0000);

        // Below where Linux begins to choose ports by itself only in one of two thousand starts.
        nextGuestPort = 0x10_0000 + (uint)Random.Next(0x10_0000);
        driven.Device.Attach(Timeline);
    }

    public CaseRun Run { get; }

    public Variant Variant => Run.Variant;

    /// <summary>What the driver accepts where everything is offered.</summary>
    public TargetFacts Facts { get; }

    public ScriptedDevice Device => driven.Device;

    /// <summary>The CID in configuration space.</summary>
    public ulong GuestCid => Device.GuestCid;

    /// <summary>What the driver accepted of this device.</summary>
    public VirtioFeatures Accepted => Device.Accepted ?? VirtioFeatures.None;

    public AgentClient Agent => driven.Guest.Agent;

    public ulong Seed { get; }

    public Random Random { get; }

    public Timeline Timeline { get; }

    /// <summary>The guest's machine has ended.</summary>
    public bool GuestIsGone => driven.Guest.HasExited;

    /// <summary>
    /// False: nothing is asked of the driver after the case, because it may well have given the device up; the guest is not used again.
    /// </summary>
    public bool DriverGoesOn { get; set; } = true;

    (string Code, string Expected, string Observed)? ICaseStage.Lapse => lapse;

    IReadOnlyDictionary<string, string> ICaseStage.Recorded => recorded;

    bool ICaseStage.TargetClosed => Device.HasLost;

    private (string Code, string Expected, string Observed)? lapse;

    void ICaseStage.Play()
    {
        if (!Run.Case.MayBeRefused)
        {
            RequireUp();
        }

        ((CaseScript.OfDriver)Run.Case.Script).Body(this);
        if (DriverGoesOn && Device.IsUp)
        {
            Device.TakesTx = Device.ReturnsTx = true;
            Device.ReturnHeldTx();
            Device.Fence();
        }
    }

    /// <summary>Fails the case unless a driver has taken the device and its queues run.</summary>
    public void RequireUp() => Require(
        Device.IsUp || (Timeline.WaitUntil(() => Device.IsUp || Device.HasLost) && Device.IsUp),
        "driver-absent",
        "a driver takes the device and starts its rx and tx queues",
        $"what it did: {Device.Journal}");

    public T Await<T>(Task<T> call) => Timeline.Await(call);

    /// <summary>Returns when the driver has processed everything sent before and every answer has arrived.</summary>
    public void Fence() => Device.Fence();

    /// <summary>Waits for a condition on the timeline.</summary>
    public bool Eventually(Func<bool> condition) => Timeline.WaitUntil(condition);

    /// <summary>As <see cref="Eventually(Func{bool})"/>; the end of one of the guest's calls is noticed at once, and not when the rings are looked at again.</summary>
    public bool Eventually(Func<bool> condition, IReadOnlyCollection<Task> calls)
    {
        EventFd ended = new();
        Lock guard = new();
        bool over = false;
        foreach (Task call in calls)
        {
            _ = call.ContinueWith(_ => Signal(), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }

        try
        {
            return Timeline.WaitUntil(
                () =>
                {
                    _ = ended.Drain();
                    return condition();
                },
                new PollEntry(ended.Fd, PollEvents.Readable));
        }
        finally
        {
            lock (guard)
            {
                over = true;
                ended.Dispose();
            }
        }

        // A call may outlive the wait for it.
        void Signal()
        {
            lock (guard)
            {
                _ = over || ended.Signal();
            }
        }
    }

    /// <summary>A host port that nobody uses.</summary>
    public uint NewHostPort() => nextHostPort++;

    /// <summary>A guest port that nobody uses.</summary>
    public uint NewGuestPort() => nextGuestPort++;

    /// <summary>Gives the guest another CID in configuration space, which its driver learns when it reads that again.</summary>
    public void ChangeGuestCid(ulong cid)
    {
        driven.Evidence.GuestCidChanged(cid);
        Device.GuestCid = cid;
    }

    /// <summary>Bytes that both ends can make from the seed.</summary>
    public byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        Random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>What the guest's kernel has reported since the case before.</summary>
    public IReadOnlyList<KernelReport> KernelReports() => driven.Reports(Await);

    /// <summary>Ends the case unless the driver has accepted the feature.</summary>
    public void NeedAccepted(VirtioFeatures feature)
    {
        if (!Accepted.HasFlag(feature))
        {
            throw new CaseSkippedException(Verdict.NotSupported, $"{feature} is offered and not accepted") { Missing = [.. FeatureNames.Of(feature & ~Accepted)] };
        }
    }

    /// <summary>The event queue; ends the case where the driver's machine keeps it to itself.</summary>
    public ScriptedQueue NeedEventQueue() =>
        Device.Event ?? throw new CaseSkippedException(Verdict.NotApplicable, "the guest's VMM keeps the event queue to itself, so no event can be sent here");

    /// <inheritdoc cref="CaseContext.Require"/>
    public static void Require(bool condition, string code, string expected, string observed) => CaseContext.Require(condition, code, expected, observed);

    /// <inheritdoc cref="CaseContext.Discourage"/>
    public void Discourage(bool isLapse, string code, string expected, string observed)
    {
        if (isLapse)
        {
            lapse ??= (code, expected, observed);
        }
    }

    /// <inheritdoc cref="CaseContext.Record"/>
    public void Record(string key, object value) => recorded[key] = Convert.ToString(value, CultureInfo.InvariantCulture) ?? "";

    /// <inheritdoc cref="CaseContext.NotApplicable"/>
    public static void NotApplicable(string reason) => CaseContext.NotApplicable(reason);

    /// <inheritdoc cref="CaseContext.NotSupported"/>
    public static void NotSupported(string reason) => CaseContext.NotSupported(reason);

    public void Dispose() => driven.Device.Detach();
}
