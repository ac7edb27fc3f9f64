namespace Vsockspec.Reference.Driver;

/// <summary>
/// The rest of a message of which the first piece may have been sent: it can neither be withdrawn nor left unfinished, so the socket keeps it,
/// whatever becomes of the call that sent it.
/// </summary>
internal sealed class UnsentMessage
{
    private byte[] bytes = [];
    private int sent;

    /// <summary>There is one, possibly of no bytes.</summary>
    public bool IsPending { get; private set; }

    public bool EndsRecord { get; private set; }

    public ReadOnlySpan<byte> Rest => bytes.AsSpan(sent);

    public void Begin(byte[] message, bool endsRecord)
    {
        bytes = message;
        sent = 0;
        EndsRecord = endsRecord;
        IsPending = true;
    }

    /// <summary>A piece was sent.</summary>
    public void Advance(int count, bool isLast)
    {
        sent += count;
        if (isLast)
        {
            Clear();
        }
    }

    public void Clear()
    {
        bytes = [];
        sent = 0;
        IsPending = false;
    }
}
