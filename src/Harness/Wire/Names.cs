namespace Vsockspec.Wire;

/// <summary>The specification's spelling of wire values, for reports and error messages.</summary>
public static class Names
{
    public static string Of(Op op) => op switch
    {
        Op.Invalid => "INVALID",
        Op.Request => "REQUEST",
        Op.Response => "RESPONSE",
        Op.Rst => "RST",
        Op.Shutdown => "SHUTDOWN",
        Op.Rw => "RW",
        Op.CreditUpdate => "CREDIT_UPDATE",
        Op.CreditRequest => "CREDIT_REQUEST",
        _ => $"op {(ushort)op}",
    };

    public static string Of(SocketType type) => type switch
    {
        SocketType.Stream => "stream",
        SocketType.Seqpacket => "seqpacket",
        _ => $"type {(ushort)type}",
    };
}
