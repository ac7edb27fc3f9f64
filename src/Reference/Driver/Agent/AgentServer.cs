using Vsockspec.Guests.Protocol;

namespace Vsockspec.Reference.Driver;

/// <summary>The server's side of the agent protocol: this driver's socket calls, as the agent of a real guest offers them.</summary>
internal sealed class AgentServer(CallTable table, AgentCalls calls, AgentHello hello, Action<FrameKind, uint, byte[]> send)
{
    public void SayHello()
    {
        MessageWriter writer = new();
        hello.Write(writer);
        send(FrameKind.Hello, 0, writer.Written.ToArray());
    }

    public void Take(Frame frame)
    {
        if (frame.Version != AgentProtocol.Version || frame.Kind == FrameKind.Hello)
        {
            // A client of another version can read at least of which version this one is.
            SayHello();
        }
        else if (frame.Kind == FrameKind.Cancel)
        {
            table.Cancel(frame.Id);
        }
        else if (frame.Kind == FrameKind.Request)
        {
            Start(frame);
        }
    }

    private void Start(in Frame frame)
    {
        CallStart start;
        try
        {
            start = table.HasRoom ? calls.Start(frame.Payload) : CallReply.Failed(LinuxErrno.WouldBlock);
        }
        catch (MalformedMessageException)
        {
            start = CallReply.Failed(AgentProtocol.Malformed);
        }

        if (start.Call is { } call)
        {
            table.Begin(frame.Id, call);
        }
        else
        {
            send(FrameKind.Reply, frame.Id, start.Reply!);
        }
    }
}
