using Vsockspec.Wire;

namespace Vsockspec.Audit;

/// <summary>One end of a flow in a capture: what it sent so far.</summary>
internal sealed class CapturedEnd
{
    /// <summary>This end as the sender of data.</summary>
    public CreditLedger Credit;

    /// <summary>This end as the receiver of data.</summary>
    public ClaimLedger Claims;

    public ShutdownFlags Shutdown { get; set; }

    /// <summary>Its last packet that ended or began something was RST.</summary>
    public bool HasReset { get; set; }

    public bool Requested { get; set; }

    public bool Responded { get; set; }

    /// <summary>The highest <c>fwd_cnt</c> so far; null before the first packet.</summary>
    public uint? LastFwdCnt { get; set; }

    /// <summary>REQUEST or RESPONSE: whatever this end said of an earlier connection is over.</summary>
    public void Begin()
    {
        Shutdown = ShutdownFlags.None;
        HasReset = false;
        LastFwdCnt = null;
    }
}

/// <summary>What is known of one flow of a capture.</summary>
internal sealed class CapturedFlow
{
    private const int Ends = 2;
    private CapturedEnd[] ends = [new(), new()];

    /// <summary>Its REQUEST was seen, and nothing of an earlier connection can be mistaken for it.</summary>
    public bool IsWhole { get; set; }

    /// <summary>Something illegal was said on it, so what follows proves nothing.</summary>
    public bool IsUnclear { get; set; }

    public bool WasSeen { get; set; }

    /// <summary>Counts the connections that used these addresses.</summary>
    public int Generation { get; private set; }

    public SocketType Type { get; set; }

    /// <summary>When the last packet was seen, in nanoseconds.</summary>
    public long LastTime { get; set; }

    public CapturedEnd Guest => ends[0];

    public CapturedEnd Host => ends[1];

    public bool IsEstablished => Guest.Responded || Host.Responded;

    public void Restart(SocketType type, bool whole)
    {
        ends = new CapturedEnd[Ends];
        ends[0] = new CapturedEnd();
        ends[1] = new CapturedEnd();
        Type = type;
        IsWhole = whole;
        IsUnclear = false;
        Generation++;
    }
}
