using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>What a driver has done to bring its device up, and down again.</summary>
public enum DriverAct
{
    /// <summary>The front end connected.</summary>
    Connected,

    /// <summary>Configuration space was read.</summary>
    ConfigRead,

    /// <summary>The device status was written, where the transport passes it on.</summary>
    StatusWritten,

    /// <summary>Features were accepted.</summary>
    FeaturesAccepted,

    /// <summary>A queue is set up and was kicked.</summary>
    QueueStarted,

    /// <summary>A queue was kicked although the driver's status, which the transport passes on, did not say DRIVER_OK.</summary>
    KickedEarly,

    /// <summary>A queue was taken away.</summary>
    QueueStopped,

    /// <summary>The device was reset, or its front end is gone.</summary>
    Reset,

    /// <summary>The transport refused something, with the reason.</summary>
    Refused,
}

/// <summary>One step.</summary>
/// <param name="Queue">See <see cref="VsockQueue"/>; -1 where it is about none.</param>
/// <param name="Status">With <see cref="DriverAct.StatusWritten"/>.</param>
/// <param name="Detail">For people; may be empty.</param>
public readonly record struct DriverStep(DriverAct Act, int Queue, DeviceStatus Status, string Detail)
{
    public override string ToString() => Act switch
    {
        DriverAct.StatusWritten => $"status {Status}",
        DriverAct.QueueStarted => $"{VsockQueue.Name(Queue)} started",
        DriverAct.QueueStopped => $"{VsockQueue.Name(Queue)} stopped",
        DriverAct.KickedEarly => $"{VsockQueue.Name(Queue)} kicked before DRIVER_OK",
        _ => Detail.Length > 0 ? $"{Act}: {Detail}" : Act.ToString(),
    };
}

/// <summary>The steps of a driver, oldest first; the first thousand.</summary>
public sealed class DriverJournal
{
    private const int Most = 1000;
    private readonly List<DriverStep> steps = [];

    public IReadOnlyList<DriverStep> Steps => steps;

    /// <summary>How often configuration space was read, also after the first thousand steps.</summary>
    public long ConfigReads { get; private set; }

    /// <summary>Where the first step of a kind is, about a queue where one is given; -1 when there is none.</summary>
    public int IndexOf(DriverAct act, int queue = -1) => steps.FindIndex(s => s.Act == act && (queue < 0 || s.Queue == queue));

    public override string ToString() => string.Join(", ", steps.TakeLast(40));

    internal void Add(DriverAct act, int queue = -1, DeviceStatus status = DeviceStatus.None, string detail = "")
    {
        ConfigReads += act == DriverAct.ConfigRead ? 1 : 0;
        if (steps.Count < Most)
        {
            steps.Add(new DriverStep(act, queue, status, detail));
        }
    }
}
