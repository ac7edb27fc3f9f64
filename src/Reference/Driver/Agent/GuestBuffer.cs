using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>The buffer of one send or receive, in one piece; where the client wanted a part without memory, the buffer ends with EFAULT.</summary>
internal sealed class GuestBuffer
{
    private GuestBuffer(byte[] data, int usable, bool hasHole)
    {
        Data = data;
        Usable = usable;
        HasHole = hasHole;
    }

    /// <summary>All parts that have memory, one after the other.</summary>
    public byte[] Data { get; }

    /// <summary>Bytes before the first part without memory.</summary>
    public int Usable { get; }

    /// <summary>There is a part without memory.</summary>
    public bool HasHole { get; }

    /// <exception cref="MalformedMessageException">Too many parts, or too large.</exception>
    public static GuestBuffer Read(ref MessageReader reader, int maxBytes)
    {
        int count = reader.Count(AgentProtocol.MaxParts);
        int total = 0;
        int? usable = null;
        for (int i = 0; i < count; i++)
        {
            int part = reader.Int32();
            int length = BufferPart.LengthOf(part);
            if (length > maxBytes - total)
            {
                throw new MalformedMessageException($"a buffer of more than {maxBytes} bytes");
            }

            if (BufferPart.IsUnmapped(part))
            {
                usable ??= length > 0 ? total : null;
            }
            else
            {
                total += length;
            }
        }

        return new GuestBuffer(new byte[total], usable ?? total, usable is not null);
    }
}
