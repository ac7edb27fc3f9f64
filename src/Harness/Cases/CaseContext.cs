using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Targets;
using Vsockspec.Transports;
using Vsockspec.Wire;

namespace Vsockspec.Cases;

/// <summary>
/// What a case works with: the raw driver and the host application in one timeline, and words for what it finds. Lives for one
/// run of one case, on one thread. A case that returns has passed.
/// </summary>
public sealed class CaseContext : ICaseStage, IGuestScript
{
    private readonly CaseEvidence evidence;
    private readonly ITargetInstance instance;
    private readonly SortedDictionary<string, string> recorded = new(StringComparer.Ordinal);
    private readonly List<IVsockDevice> connections = [];
    private readonly GuestAccess? guest;
    private readonly List<GuestSide> others = [];
    private RawDriver? driver;
    private Canary? canary;
    private uint nextHostPort;

    internal CaseContext(CaseRun run, ITargetInstance instance, GuestAccess? guest, TargetFacts facts, ulong seed, TimeSpan patience, CaseEvidence evidence)
    {
        Run = run;
        this.instance = instance;
        this.guest = guest;
        this.evidence = evidence;
        Facts = facts;
        Seed = seed;
        Random = new Random((int)(seed ^ (seed >> 32)));
        Timeline = new Timeline(patience);
        Host = instance.OpenHost(Timeline);
        nextHostPort = 0x4000_0000 + (uint)Random.Next(0x1000_0000);
    }

    public CaseRun Run { get; }

    public Variant Variant => Run.Variant;

    /// <summary>What the target offered when the run began.</summary>
    public TargetFacts Facts { get; }

    /// <summary>The running target: its process, its sockets, its last lines.</summary>
    public ITargetInstance Target => instance;

    public ulong GuestCid => instance.GuestCid;

    public ulong Seed { get; }

    /// <summary>The only source of chance in a case, so that a replay repeats it.</summary>
    public Random Random { get; }

    public Timeline Timeline { get; }

    public IHostPeer Host { get; }

    /// <summary>The agent in the guest, for cases that need one.</summary>
    public AgentClient Agent => Guests.Current.Agent;

    private GuestAccess Guests => guest ?? throw new InvalidOperationException("the case's area does not say that it needs a guest");

    /// <summary>Takes the guest's power away and boots another on the same device; its sockets and the agent's descriptors are gone.</summary>
    public void RebootGuest() => Guests.Reboot();

    /// <summary>The case's guest is from now on one whose kernel may start its machine anew, which may take a boot; ends the case where guests cannot.</summary>
    public void TakeRestartableGuest() => Guests.TakeRestartable();

    /// <summary>Lets the guest's kernel start its machine anew, on the same device; its sockets and the agent's descriptors are gone.</summary>
    public void RestartGuest() => Guests.Restart();

    /// <summary>Boots a second guest on a device of its own, with another CID; ended with the case.</summary>
    public GuestSide BootSecondGuest()
    {
        GuestSide side = Guests.Another(Timeline);
        others.Add(side);
        return side;
    }

    /// <inheritdoc/>
    public T Await<T>(Task<T> call) => Timeline.Await(call);

    /// <summary>The running session's control connection, for cases about vhost-user; ends the case where there is none.</summary>
    public VhostUserFrontEnd FrontEnd
    {
        get
        {
            _ = VhostUserTarget;
            return (VhostUserFrontEnd)Driver.Device;
        }
    }

    /// <summary>The running session's device, for cases about the kernel's ioctls; ends the case where it is another.</summary>
    public VhostKernelDevice Kernel
    {
        get
        {
            _ = VhostKernelTarget;
            return (VhostKernelDevice)Driver.Device;
        }
    }

    /// <summary>The running session, started with the default options when the case did not start one.</summary>
    public RawDriver Driver => driver ?? Start();

    /// <summary>True when a session is running.</summary>
    public bool HasSession => driver is not null;

    /// <summary>The canary of the running session, to open it ahead of time or to fence the tx ring only.</summary>
    public Canary Canary
    {
        get
        {
            _ = Driver;
            return canary!;
        }
    }

    /// <summary>What a session accepts by default: VERSION_1, every socket type offered, the variant's ring features and what the case needs.</summary>
    public VirtioFeatures DefaultFeatures => ((VirtioFeatures.Version1 | SocketTypes) & Facts.OfferedFeatures) | Variant.Features | Run.Case.Attribute.Needs;

    /// <summary>
    /// A device that does not offer STREAM has to serve streams when no type is accepted (VS-FEAT-DEV-2), but is free not to when SEQPACKET alone is
    /// (VS-FEAT-DEV-3).
    /// </summary>
    private VirtioFeatures SocketTypes => Facts.OfferedFeatures.HasFlag(VirtioFeatures.Stream) ? VirtioFeatures.DeviceType : default;

    /// <summary>The options of a default session.</summary>
    public SessionOptions DefaultOptions => new() { Features = DefaultFeatures, IndirectChains = Variant.Indirect };

    IReadOnlyDictionary<string, string> ICaseStage.Recorded => recorded;

    (string Code, string Expected, string Observed)? ICaseStage.Lapse => lapse;

    bool ICaseStage.TargetClosed => driver?.DeviceGone ?? false;

    private (string Code, string Expected, string Observed)? lapse;

    void ICaseStage.Play()
    {
        ((CaseScript.OfDevice)Run.Case.Script).Body(this);
        Close();
    }

    /// <summary>Starts a session with the default options, changed as the case wants. One at a time: <see cref="Stop"/> ends it.</summary>
    public RawDriver Start(Func<SessionOptions, SessionOptions>? change = null)
    {
        SessionOptions options = change is null ? DefaultOptions : change(DefaultOptions);
        return Start(instance.OpenDevice(Timeline.Patience), options);
    }

    /// <summary>Starts a session on a connection that the case has negotiated itself.</summary>
    public RawDriver Start(IVsockDevice device, SessionOptions options)
    {
        if (driver is not null)
        {
            throw new InvalidOperationException("a session is running; stop it first");
        }

        connections.Remove(device);
        IRingObserver observer = evidence.BeginSession(GuestCid, options.Features);
        driver = new RawDriver(device, Timeline, options, observer, GuestCid, (uint)Random.Next());
        canary = new Canary(driver, Host, observer, NewHostPort(), CanaryType(options.Features));
        return driver;
    }

    /// <summary>Streams may be missing where only seqpacket was accepted (VS-FEAT-DEV-3).</summary>
    private static SocketType CanaryType(VirtioFeatures features) =>
        (features & VirtioFeatures.DeviceType) == VirtioFeatures.Seqpacket ? SocketType.Seqpacket : SocketType.Stream;

    /// <summary>Ends the session by closing the connection, as a VMM that goes away.</summary>
    public void Stop()
    {
        driver?.Dispose();
        driver = null;
        canary = null;
    }

    /// <summary>Ends the session but keeps its connection, for a device that was reset over it.</summary>
    public void Detach()
    {
        if (driver is not null)
        {
            connections.Add(driver.Device);
            driver.DisposeButDevice();
            driver = null;
            canary = null;
        }
    }

    /// <summary>A vhost-user connection on which nothing was said yet, closed with the case; ends the case where the target has none.</summary>
    public VhostUserFrontEnd Connect(VhostUserFrontEndOptions? options = null)
    {
        VhostUserFrontEnd device = VhostUserFrontEnd.Connect(VhostUserTarget.Socket, (options ?? new VhostUserFrontEndOptions()) with { Deadline = Timeline.Patience });
        connections.Add(device);
        return device;
    }

    /// <summary>The kernel's device, opened and nothing asked yet, closed with the case; ends the case where the target is none.</summary>
    public VhostKernelDevice OpenKernel()
    {
        VhostKernelDevice device = VhostKernelTarget.Open();
        connections.Add(device);
        return device;
    }

    /// <summary>The host side's control socket with nothing said yet; ends the case where there is none.</summary>
    public HostConnection OpenHostControl(SocketType type = SocketType.Stream) =>
        Host.OpenControl(type) ?? throw new CaseSkippedException(Verdict.NotApplicable, "the host application uses AF_VSOCK, which has no handshake of its own");

    /// <summary>Returns when everything sent before has been processed and answered.</summary>
    public void Fence()
    {
        _ = Driver;
        canary!.Fence();
    }

    /// <summary>A host port that nobody uses.</summary>
    public uint NewHostPort() => nextHostPort++;

    /// <summary>A host application listening on a port of its own.</summary>
    public HostListener Listen(SocketType type = SocketType.Stream, int backlog = 128) => Host.Listen(NewHostPort(), type, backlog);

    /// <summary>An established flow that the guest opened, with both ends.</summary>
    public (Flow Flow, HostConnection Host) Open(SocketType type = SocketType.Stream, uint? bufAlloc = null)
    {
        HostListener listener = Listen(type);
        Flow flow = Driver.NewFlow(listener.Port, type);
        flow.BufAlloc = bufAlloc ?? flow.BufAlloc;
        _ = flow.Connect();
        return (flow, listener.Accept());
    }

    /// <summary>An established flow that the host opened, with both ends.</summary>
    public (Flow Flow, HostConnection Host) OpenFromHost(SocketType type = SocketType.Stream, uint? bufAlloc = null)
    {
        uint port = Driver.NewGuestPort();
        HostConnection host = Host.Connect(port, type);
        Flow flow = Driver.ExpectRequest(port, type);
        flow.BufAlloc = bufAlloc ?? flow.BufAlloc;
        flow.Send(Op.Response);
        _ = host.ExpectEstablished();
        return (flow, host);
    }

    /// <summary>Bytes that both ends can make from the seed.</summary>
    public byte[] RandomBytes(int count)
    {
        byte[] bytes = new byte[count];
        Random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Waits for a condition on the timeline.</summary>
    public bool Eventually(Func<bool> condition) => Timeline.WaitUntil(condition);

    /// <summary>Fails the case unless <paramref name="condition"/> holds.</summary>
    /// <param name="code">Stable name of this way to fail.</param>
    /// <param name="expected">Every legal outcome, in words.</param>
    /// <param name="observed">What happened, with the numbers.</param>
    public static void Require(bool condition, string code, string expected, string observed)
    {
        if (!condition)
        {
            throw new ExpectationException(code, expected, observed);
        }
    }

    /// <summary>Notes that something legal but discouraged happened, and goes on; the verdict is then NonStrict at best.</summary>
    public void Discourage(bool isLapse, string code, string expected, string observed)
    {
        if (isLapse)
        {
            lapse ??= (code, expected, observed);
        }
    }

    /// <summary>Records what the target does where the specification is silent.</summary>
    public void Record(string key, object value) => recorded[key] = Convert.ToString(value, System.Globalization.CultureInfo.InvariantCulture) ?? "";

    /// <summary>Ends the case: the question cannot be put to this target.</summary>
    public static void NotApplicable(string reason) => throw new CaseSkippedException(Verdict.NotApplicable, reason);

    /// <summary>Ends the case: an optional feature is not offered.</summary>
    public static void NotSupported(string reason) => throw new CaseSkippedException(Verdict.NotSupported, reason);

    /// <summary>Ends the case unless the feature is offered.</summary>
    public void NeedFeature(VirtioFeatures feature)
    {
        if (!Facts.OfferedFeatures.HasFlag(feature))
        {
            throw new CaseSkippedException(Verdict.NotSupported, $"{feature} is not offered") { Missing = [.. FeatureNames.Of(feature & ~Facts.OfferedFeatures)] };
        }
    }

    /// <summary>Ends the case unless the vhost-user protocol feature is offered.</summary>
    public void NeedProtocol(VhostUserProtocolFeatures feature)
    {
        _ = VhostUserTarget;
        if (!((VhostUserProtocolFeatures)Facts.ProtocolFeatures).HasFlag(feature))
        {
            throw new CaseSkippedException(Verdict.NotSupported, $"protocol feature {feature} is not offered")
            {
                Missing = [.. FeatureNames.OfProtocol((ulong)feature & ~Facts.ProtocolFeatures)],
            };
        }
    }

    /// <summary>Ends the case unless one queue can be stopped while the other runs.</summary>
    public void NeedLoneQueues()
    {
        if (!Driver.Device.StopsQueuesAlone)
        {
            NotApplicable($"over {Driver.Device.Transport} the device runs both queues or none");
        }
    }

    /// <summary>A case that posted an illegal chain or ring: bookkeeping of that queue proves nothing from here on.</summary>
    public void Taint(int queue) => evidence.Taint(queue);

    private IVhostUserInstance VhostUserTarget => instance as IVhostUserInstance ?? throw NotOver("vhost-user");

    private IVhostKernelInstance VhostKernelTarget => instance as IVhostKernelInstance ?? throw NotOver("vhost-kernel");

    private static CaseSkippedException NotOver(string transport) => new(Verdict.NotApplicable, $"asks about {transport}, which is not this target's transport");

    /// <summary>The last look of a session that still runs: all is processed, all tx chains are back.</summary>
    private void Close()
    {
        if (driver is { DeviceGone: false, MindsClosing: true } && canary is { Flow: not null })
        {
            canary.Fence();
            _ = Timeline.WaitUntil(() => driver.Tx.Outstanding == 0);
            evidence.EndSession();
        }
    }

    public void Dispose()
    {
        Stop();
        foreach (GuestSide side in others)
        {
            side.Dispose();
        }

        foreach (IVsockDevice connection in connections)
        {
            connection.Dispose();
        }

        Host.Dispose();
    }
}

/// <summary>Ends a case without judging the target.</summary>
internal sealed class CaseSkippedException(Verdict verdict, string reason) : Exception(reason)
{
    /// <summary>The target was started by somebody else, so the case was not put although it could be asked of the target.</summary>
    public const string CannotRestart = "cannot-restart";

    public Verdict Verdict { get; } = verdict;

    /// <summary>What kept the case from being put, where that is not the target's nature; null: it is.</summary>
    public string? Code { get; init; }

    /// <summary>Names of the features that the case needs and the target does not offer.</summary>
    public IReadOnlyList<string> Missing { get; init; } = [];
}
