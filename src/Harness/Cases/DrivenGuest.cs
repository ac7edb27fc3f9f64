using System.Diagnostics;
using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>A guest whose driver is judged, and the scripted device that it has. Lives for as long as it is as good as new.</summary>
internal sealed class DrivenGuest : ISuspect, IDisposable
{
    /// <summary>How long what a case left may take to go; see <see cref="GuestKeeper"/>.</summary>
    private static readonly TimeSpan LeftLimit = TimeSpan.FromSeconds(3);

    /// <summary>Pieces of kernel log that are read after one case; a kernel that says more floods.</summary>
    private const int MaxPieces = 32;

    private readonly InstanceFolder folder;
    private readonly GuestState? fresh;
    private ulong mark;

    private DrivenGuest(InstanceFolder folder, ScriptedDevice device, DriverEvidence evidence, Guest guest, Timeline timeline)
    {
        this.folder = folder;
        Device = device;
        Evidence = evidence;
        Guest = guest;
        fresh = timeline.Await(GuestState.Of(guest.Agent));
        mark = timeline.Await(guest.Agent.MarkKernelLog());
        Record = GuestRecord.Of(guest, device.Accepted);
    }

    public ScriptedDevice Device { get; }

    public DriverEvidence Evidence { get; }

    public Guest Guest { get; }

    public GuestRecord Record { get; }

    /// <summary>It runs, and its front end is there.</summary>
    public bool IsUsable => !Guest.HasExited && !Device.HasLost;

    bool ISuspect.IsGuest => true;

    bool ISuspect.HasExited => Guest.HasExited;

    string? ISuspect.ExitStatus => null;

    IReadOnlyList<string> ISuspect.LastLines => Guest.Console;

    /// <summary>Boots a guest on a device of its own, which serves it meanwhile.</summary>
    /// <param name="patience">How long the driver may take to start its queues once the guest's first program runs.</param>
    /// <exception cref="GuestException">It did not boot.</exception>
    public static DrivenGuest Boot(DeviceSetup setup, IGuestSource source, TimeSpan patience, CancellationToken cancellation)
    {
        InstanceFolder folder = InstanceFolder.Create();
        ScriptedDevice? device = null;
        Guest? guest = null;
        try
        {
            DriverEvidence evidence = new(setup.GuestCid);
            device = new ScriptedDevice(setup, Path.Combine(folder.Path, "d.sock"), evidence);
            Timeline timeline = new(patience);
            device.Attach(timeline);
            device.AnswersStrays = true;
            string socket = device.Socket;
            guest = timeline.Await(Task.Run(() => source.Boot(new GuestVsock.VhostUser(socket), cancellation), CancellationToken.None));
            ScriptedDevice served = device;
            Guest booted = guest;
            _ = timeline.WaitUntil(() => served.IsUp || served.HasLost || booted.HasExited);
            return new DrivenGuest(folder, device, evidence, guest, timeline);
        }
        catch
        {
            guest?.Dispose();
            device?.Dispose();
            folder.Dispose();
            throw;
        }
        finally
        {
            device?.Detach();
        }
    }

    /// <summary>What says, between cases, that a guest cannot be used any more: it does not answer, or its driver has broken a ring that the device needs for that.</summary>
    public static bool IsUnfit(Exception e) => e is GuestException or GuestCallException or ExpectationException;

    /// <summary>Ends what the case left in the guest, as a host would that nobody uses; null when the guest is as good as new, otherwise why not.</summary>
    /// <param name="mustBeClean">False: only its calls are ended.</param>
    public string? Reset(bool mustBeClean)
    {
        if (Guest.HasExited)
        {
            return "it ended";
        }

        Timeline timeline = new(LeftLimit);
        Device.Attach(timeline);
        Device.AnswersStrays = true;
        Device.ResetLeft();
        try
        {
            timeline.Await(Guest.Agent.Reset()).OrThrow("reset");
            return mustBeClean ? LeftBehind(timeline) : null;
        }
        catch (Exception e) when (IsUnfit(e))
        {
            return Printable.Clean(e.Message.Split('\n')[0]);
        }
        finally
        {
            Device.Detach();
        }
    }

    /// <summary>What the guest's kernel has complained of since the last call.</summary>
    /// <param name="wait">Waits for a call.</param>
    /// <exception cref="GuestException">The guest does not answer.</exception>
    public IReadOnlyList<KernelReport> Reports(Func<Task<GuestKernelLog>, GuestKernelLog> wait)
    {
        KernelReportReader reader = new();
        for (int i = 0; i < MaxPieces; i++)
        {
            GuestKernelLog piece = wait(Guest.Agent.ReadKernelLog(mark));
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

    /// <summary>As <see cref="Reports(Func{Task{GuestKernelLog}, GuestKernelLog})"/>, between cases.</summary>
    public IReadOnlyList<KernelReport> Reports()
    {
        Timeline timeline = new(LeftLimit);
        Device.Attach(timeline);
        Device.AnswersStrays = true;
        try
        {
            return Reports(timeline.Await);
        }
        finally
        {
            Device.Detach();
        }
    }

    public void Dispose()
    {
        // The device first: a machine that is told to end may want to say goodbye to it, and nobody would answer.
        Device.Dispose();
        Guest.Dispose();
        folder.Dispose();
    }

    private string? LeftBehind(Timeline timeline)
    {
        long begin = Stopwatch.GetTimestamp();
        while (timeline.Await(GuestState.Of(Guest.Agent)).LeftSince(fresh!) is { } left)
        {
            if (Stopwatch.GetElapsedTime(begin) > LeftLimit)
            {
                return $"{left} were left";
            }

            _ = timeline.WaitUntil(TimeSpan.FromMilliseconds(5), () => Guest.HasExited);
            if (Guest.HasExited)
            {
                return "it ended";
            }
        }

        return null;
    }
}
