using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// The fence. A flow of its own between the raw driver and a host application of ours echoes a byte: when the byte reaches the host,
/// everything that was put into the tx ring before it has been processed; when the echo comes back, every answer that the device had
/// queued before it has been delivered. Two rounds, because a device may queue a flow's second answer behind the first echo.
/// </summary>
/// <param name="type">A socket type that the device has to serve in this session.</param>
public sealed class Canary(RawDriver driver, IHostPeer host, IRingObserver observer, uint hostPort, SocketType type = SocketType.Stream)
{
    private const int Rounds = 2;
    private Flow? flow;
    private HostConnection? connection;
    private byte counter;

    /// <summary>Our end of the canary's flow, once it was used.</summary>
    public Flow? Flow => flow;

    /// <summary>Returns when everything sent before has been processed and answered.</summary>
    /// <exception cref="ExpectationException">The echo did not come back: the device is wedged or cannot carry a byte.</exception>
    public void Fence()
    {
        Open();
        for (int i = 0; i < Rounds; i++)
        {
            Probe();
            connection!.Send([counter]);
            Packet echo = flow!.Expect("fence-no-answer", Op.Rw);
            if (echo.Payload is not [byte value] || value != counter)
            {
                throw new ExpectationException("fence-wrong-data", $"the byte {counter} on the canary flow", echo.ToString());
            }

            flow.Consume(1);
        }

        observer.Fenced();
    }

    /// <summary>Returns when everything sent before has been taken out of the tx ring and processed; needs no rx buffer once the canary is open.</summary>
    public void FenceTx()
    {
        Open();
        Probe();
    }

    /// <summary>Opens the canary's flow ahead of time, for cases that stop posting rx buffers.</summary>
    public void Open()
    {
        if (flow is not null)
        {
            return;
        }

        HostListener listener = host.Listen(hostPort, type);
        Flow opened = driver.NewFlow(hostPort, type);
        _ = opened.Connect();
        connection = listener.Accept();
        flow = opened;
    }

    private void Probe()
    {
        counter++;
        flow!.Send(Op.Rw, [counter], type == SocketType.Seqpacket ? (uint)SeqpacketFlags.EndOfMessage : 0);
        byte[] seen = connection!.ReceiveExactly(1);
        if (seen[0] != counter)
        {
            throw new ExpectationException("fence-wrong-data", $"the byte {counter} at the canary's host end", $"the byte {seen[0]}");
        }
    }
}
