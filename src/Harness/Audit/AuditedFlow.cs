using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>How far a flow has got, as the driver's side sees it.</summary>
internal enum FlowPhase
{
    /// <summary>Neither side ever asked for it.</summary>
    None,

    /// <summary>The driver sent REQUEST.</summary>
    Asked,

    /// <summary>The device sent REQUEST.</summary>
    Offered,
    Established,

    /// <summary>The device sent RST.</summary>
    Dead,
}

/// <summary>What the auditor knows of one flow.</summary>
internal sealed class AuditedFlow
{
    private bool lastSentReset;
    private long resetEpoch;

    public FlowPhase Phase { get; private set; }

    public SocketType Type { get; private set; }

    /// <summary>
    /// The driver did something to the flow that leaves open what the device makes of it, or two connections with the same addresses
    /// cannot be told apart: neither state nor credit is judged.
    /// </summary>
    public bool IsUnclear { get; set; }

    /// <summary>The driver sent RST and has not asked for the flow again.</summary>
    public bool WeReset { get; private set; }

    /// <summary>The driver sent something on the flow after it had died, so an answer may come.</summary>
    public bool WasPoked { get; private set; }

    public ShutdownFlags DeviceShutdown { get; set; }

    public ShutdownFlags OurShutdown { get; private set; }

    /// <summary>When <see cref="OurShutdown"/> was sent last.</summary>
    public long ShutdownEpoch { get; private set; }

    public long LastSentEpoch { get; private set; } = -1;

    /// <summary>The device as the sender of data.</summary>
    public CreditLedger Credit;

    /// <summary>The device as the receiver of data.</summary>
    public ClaimLedger Claims;

    /// <summary>True when the device has processed our RST: a fence came after it.</summary>
    public bool ResetIsProcessed(long epoch) => WeReset && resetEpoch < epoch;

    /// <summary>A packet of the driver with legal addresses and type, sound in itself.</summary>
    public void Sent(in VsockHeader header, long epoch)
    {
        switch (header.Op)
        {
            case Op.Request:
                SentRequest(header.Type, epoch);
                break;
            case Op.Response when Phase == FlowPhase.Offered && !WeReset && header.Type == Type:
                Phase = FlowPhase.Established;
                break;
            case Op.Rst when Phase == FlowPhase.None || header.Type == Type:
                WeReset = true;
                resetEpoch = epoch;
                break;
            case Op.Rw or Op.CreditUpdate or Op.CreditRequest or Op.Shutdown when Phase == FlowPhase.Established && !WeReset && header.Type == Type:
                break;
            case Op.Rw or Op.CreditUpdate or Op.CreditRequest or Op.Shutdown when Phase == FlowPhase.Dead && !WeReset && header.Type == Type:
                WasPoked = true;
                break;
            default:
                IsUnclear = true;
                break;
        }

        if (header.Op == Op.Shutdown)
        {
            OurShutdown |= (ShutdownFlags)header.Flags;
            ShutdownEpoch = epoch;
        }

        lastSentReset = header.Op == Op.Rst && header.Type == Type;
        LastSentEpoch = epoch;
        Claims.Send(header.Len);
        if (header.Op != Op.Rst)
        {
            Credit.Advertise(header, epoch);
        }
    }

    /// <summary>A packet of the driver that is illegal in itself.</summary>
    public void SentOddity(in VsockHeader header, long epoch)
    {
        IsUnclear = true;
        lastSentReset = false;
        LastSentEpoch = epoch;
        Claims.Send(header.Len);
    }

    /// <summary>The device asks for the flow. False when it is in use.</summary>
    public bool Offer(SocketType type, long epoch)
    {
        if (!IsOver(epoch))
        {
            bool inUse = !IsUnclear && !WeReset && Phase is FlowPhase.Offered or FlowPhase.Established;
            IsUnclear = true;
            return !inUse;
        }

        Begin(FlowPhase.Offered, type);
        return true;
    }

    public void Accepted() => Phase = FlowPhase.Established;

    public void Died()
    {
        if (Phase != FlowPhase.None)
        {
            Phase = FlowPhase.Dead;
        }
    }

    private void SentRequest(SocketType type, long epoch)
    {
        if (IsOver(epoch))
        {
            Begin(FlowPhase.Asked, type);
        }
        else
        {
            IsUnclear = true;
        }
    }

    // Nothing of an earlier connection with these addresses can still be on its way in either direction.
    // An unclear flow stays so: the device may hold it to be of another type, and then our RST has not ended it.
    private bool IsOver(long epoch) =>
        LastSentEpoch < epoch && !IsUnclear && (Phase is FlowPhase.None or FlowPhase.Dead || (lastSentReset && WeReset));

    private void Begin(FlowPhase phase, SocketType type)
    {
        Phase = phase;
        Type = type;
        IsUnclear = false;
        WeReset = false;
        WasPoked = false;
        DeviceShutdown = ShutdownFlags.None;
        OurShutdown = ShutdownFlags.None;
        Credit = default;
        Claims = default;
    }
}
