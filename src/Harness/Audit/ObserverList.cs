using Vsockspec.Rings;

namespace Vsockspec.Audit;

/// <summary>Several observers as one, told in the order given.</summary>
public sealed class ObserverList(params IRingObserver[] observers) : IRingObserver
{
    public void Posted(int queue, uint id, ReadOnlySpan<RingBuffer> buffers)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Posted(queue, id, buffers);
        }
    }

    public void PostedWithTable(int queue, uint id, ReadOnlySpan<RingBuffer> buffers, int direct)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.PostedWithTable(queue, id, buffers, direct);
        }
    }

    public void Published(int queue)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Published(queue);
        }
    }

    public void Kicked(int queue)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Kicked(queue);
        }
    }

    public void Called(int queue, ulong count)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Called(queue, count);
        }
    }

    public void Used(int queue, UsedChain chain)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Used(queue, chain);
        }
    }

    public void SentPacket(uint id, ReadOnlySpan<byte> packet)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.SentPacket(id, packet);
        }
    }

    public void ReceivedPacket(uint id, ReadOnlySpan<byte> packet)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.ReceivedPacket(id, packet);
        }
    }

    public void Fenced()
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Fenced();
        }
    }

    public void Violated(string requirement, int queue, string detail)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Violated(requirement, queue, detail);
        }
    }

    public void Renewed(int queue)
    {
        foreach (IRingObserver observer in observers)
        {
            observer.Renewed(queue);
        }
    }
}
