using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>What <see cref="DriverAuditor"/> knows of one flow.</summary>
internal sealed class DrivenFlow
{
    private bool driverAsked;
    private bool deviceAsked;
    private bool wasUsed;

    /// <summary>The driver as the sender of data.</summary>
    public CreditLedger Credit;

    /// <summary>The driver as the receiver of data.</summary>
    public ClaimLedger Claims;

    /// <summary>
    /// Two connections with the same addresses cannot be told apart, or the device did something that leaves open what the driver makes of it.
    /// </summary>
    public bool IsUnclear { get; set; }

    public bool IsEstablished { get; private set; }

    /// <summary>What the driver's SHUTDOWN said.</summary>
    public ShutdownFlags Shutdown { get; private set; }

    /// <summary>A packet of the driver that is sound in itself; what is wrong with its <c>fwd_cnt</c>.</summary>
    public ClaimFault Sent(in VsockHeader header)
    {
        IsUnclear |= header.Op == Op.Request && wasUsed;
        wasUsed = true;
        driverAsked |= header.Op == Op.Request;
        IsEstablished |= header.Op == Op.Response && deviceAsked;
        Shutdown |= header.Op == Op.Shutdown ? (ShutdownFlags)header.Flags : ShutdownFlags.None;
        return header.Op == Op.Rst ? ClaimFault.None : Claims.Claim(header.FwdCnt);
    }

    /// <summary>A packet of the device.</summary>
    /// <param name="ordinary">It is sound in itself.</param>
    /// <param name="epoch">The number of fences so far.</param>
    public void Received(in VsockHeader header, bool ordinary, long epoch)
    {
        IsUnclear |= !ordinary || (header.Op == Op.Request && wasUsed);
        wasUsed = true;
        deviceAsked |= header.Op == Op.Request;
        IsEstablished |= header.Op == Op.Response && driverAsked;
        Claims.Send(header.Len);
        if (header.Op != Op.Rst)
        {
            Credit.Advertise(header, epoch);
        }
    }
}
