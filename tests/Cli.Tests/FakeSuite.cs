using Vsockspec.Cases;
using Vsockspec.Wire;

namespace Vsockspec.Cli.Tests;

/// <summary>Cases that nobody runs: they are selected, listed and reported.</summary>
[Area("alpha")]
public static class AlphaCases
{
    [Case("VSC-0101", "VS-RXTX-DEV-2", Title = "A packet of unknown type is answered with RST", Vary = Vary.Layouts, Regressions = ["KB-C4"])]
    public static void Packet_UnknownType_IsReset(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-0102", "VS-X-24", Title = "A CREDIT_REQUEST is answered")]
    public static void CreditRequest_Established_IsAnswered(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-0103", "VS-X-35", Title = "A close that is never answered times out", Slow = true)]
    public static void Shutdown_NeverAnswered_TimesOut(CaseContext c) => ArgumentNullException.ThrowIfNull(c);
}

[Area("beta")]
public static class BetaCases
{
    [Case("VSC-0201", "VU-33", Title = "An unknown message does not kill the back-end", Isolation = Isolation.Process)]
    public static void Message_Unknown_IsSurvived(CaseContext c) => ArgumentNullException.ThrowIfNull(c);

    [Case("VSC-0202", "VS-X-37", Title = "The last packet of a message has EOM", Needs = VirtioFeatures.Seqpacket)]
    public static void Message_LastPacket_HasEom(CaseContext c) => ArgumentNullException.ThrowIfNull(c);
}
