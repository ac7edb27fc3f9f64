using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>Finds the code for a request.</summary>
/// <param name="reset">Interrupts every other call.</param>
/// <param name="powerOff">Ends the driver.</param>
internal sealed class AgentCalls(
    SocketCalls sockets,
    OptionCalls options,
    DataCalls data,
    BulkCalls bulk,
    WaitCalls wait,
    SystemCalls system,
    Action reset,
    Action powerOff)
{
    /// <exception cref="MalformedMessageException">The request is none.</exception>
    public CallStart Start(ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        AgentCall call = (AgentCall)reader.Int16();
        return call switch
        {
            AgentCall.Ping => Ping(ref reader),
            AgentCall.Socket => sockets.Socket(ref reader),
            AgentCall.Bind => sockets.Bind(ref reader),
            AgentCall.Listen => sockets.Listen(ref reader),
            AgentCall.Accept => sockets.Accept(ref reader),
            AgentCall.Connect => sockets.Connect(ref reader),
            AgentCall.Shutdown => sockets.Shutdown(ref reader),
            AgentCall.Close => sockets.Close(ref reader),
            AgentCall.SetOption => options.Set(ref reader),
            AgentCall.GetOption => options.Get(ref reader),
            AgentCall.Inquire => sockets.Inquire(ref reader),
            AgentCall.LocalCid => sockets.LocalCid(ref reader),
            AgentCall.SocketName => sockets.Name(ref reader, ofPeer: false),
            AgentCall.PeerName => sockets.Name(ref reader, ofPeer: true),
            AgentCall.SetNonBlocking => sockets.SetNonBlocking(ref reader),
            AgentCall.Send => data.Send(ref reader),
            AgentCall.Receive => data.Receive(ref reader),
            AgentCall.BulkSend => bulk.Send(ref reader),
            AgentCall.BulkReceive => bulk.Receive(ref reader),
            AgentCall.Echo => bulk.Echo(ref reader),
            AgentCall.Poll => wait.Poll(ref reader),
            AgentCall.EpollCreate => wait.EpollCreate(ref reader),
            AgentCall.EpollControl => wait.EpollControl(ref reader),
            AgentCall.EpollWait => wait.EpollWait(ref reader),
            AgentCall.ReadFile => system.ReadFile(ref reader),
            AgentCall.KernelLog => system.KernelLog(ref reader),
            AgentCall.Reset => Reset(ref reader),
            AgentCall.PowerOff => PowerOff(ref reader),
            AgentCall.Execute => SystemCalls.Execute(),
            _ => throw new MalformedMessageException($"no call has the number {(int)call}"),
        };
    }

    private static byte[] Ping(ref MessageReader reader)
    {
        reader.End();
        return CallReply.Of(0);
    }

    private byte[] Reset(ref MessageReader reader)
    {
        reader.End();
        reset();
        return CallReply.Of(sockets.CloseAll());
    }

    private byte[] PowerOff(ref MessageReader reader)
    {
        reader.End();
        powerOff();
        return CallReply.Of(0);
    }
}
