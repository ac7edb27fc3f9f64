using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Finds the code for a request and runs it.</summary>
internal static class Calls
{
    /// <summary>The payload of the reply.</summary>
    /// <exception cref="MalformedMessageException">The request is none.</exception>
    public static byte[] Execute(CallContext context, ReadOnlySpan<byte> payload)
    {
        MessageReader reader = new(payload);
        AgentCall call = (AgentCall)reader.Int16();
        return call switch
        {
            AgentCall.Ping => Ping(ref reader),
            AgentCall.Socket => SocketCalls.Socket(context, ref reader),
            AgentCall.Bind => SocketCalls.Bind(context, ref reader),
            AgentCall.Listen => SocketCalls.Listen(context, ref reader),
            AgentCall.Accept => SocketCalls.Accept(context, ref reader),
            AgentCall.Connect => SocketCalls.Connect(context, ref reader),
            AgentCall.Shutdown => SocketCalls.Shutdown(context, ref reader),
            AgentCall.Close => SocketCalls.Close(context, ref reader),
            AgentCall.SetOption => SocketCalls.SetOption(context, ref reader),
            AgentCall.GetOption => SocketCalls.GetOption(context, ref reader),
            AgentCall.Inquire => SocketCalls.Inquire(context, ref reader),
            AgentCall.LocalCid => SocketCalls.LocalCid(context, ref reader),
            AgentCall.SocketName => SocketCalls.Name(context, ref reader, ofPeer: false),
            AgentCall.PeerName => SocketCalls.Name(context, ref reader, ofPeer: true),
            AgentCall.SetNonBlocking => SocketCalls.SetNonBlocking(context, ref reader),
            AgentCall.Send => DataCalls.Send(context, ref reader),
            AgentCall.Receive => DataCalls.Receive(context, ref reader),
            AgentCall.BulkSend => BulkCalls.Send(context, ref reader),
            AgentCall.BulkReceive => BulkCalls.Receive(context, ref reader),
            AgentCall.Echo => BulkCalls.Echo(context, ref reader),
            AgentCall.RepeatSend => BulkCalls.RepeatSend(context, ref reader),
            AgentCall.RepeatReceive => BulkCalls.RepeatReceive(context, ref reader),
            AgentCall.RoundTrips => MeasuredCalls.RoundTrips(context, ref reader),
            AgentCall.Connects => MeasuredCalls.Connects(context, ref reader),
            AgentCall.Poll => WaitCalls.Poll(context, ref reader),
            AgentCall.EpollCreate => WaitCalls.EpollCreate(context, ref reader),
            AgentCall.EpollControl => WaitCalls.EpollControl(context, ref reader),
            AgentCall.EpollWait => WaitCalls.EpollWait(context, ref reader),
            AgentCall.ReadFile => SystemCalls.ReadFile(ref reader),
            AgentCall.KernelLog => SystemCalls.KernelLog(ref reader),
            AgentCall.Reset => SystemCalls.Reset(context, ref reader),
            AgentCall.PowerOff => SystemCalls.Reboot(context, ref reader, SystemCalls.PowerOffCommand),
            AgentCall.Restart => SystemCalls.Reboot(context, ref reader, SystemCalls.RestartCommand),
            AgentCall.Execute => ProgramCalls.Execute(context, ref reader),
            _ => throw new MalformedMessageException($"no call has the number {(int)call}"),
        };
    }

    private static byte[] Ping(ref MessageReader reader)
    {
        reader.End();
        return new CallResult(0, 0).ToReply();
    }
}
