using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Answers the frames of one channel until it ends.</summary>
internal sealed class Server(Channel channel, bool isGuest)
{
    private readonly Descriptors _descriptors = new();
    private readonly RunningCalls _running = new();
    private readonly WorkerPool _workers = new();

    public void Serve(AgentHello hello)
    {
        RunningCalls.Prepare();
        SayHello(hello);
        while (channel.Read() is { } frame)
        {
            if (frame.Version != AgentProtocol.Version)
            {
                // Its client cannot read our answers either, but it can read of which version we are.
                SayHello(hello);
            }
            else if (frame.Kind == FrameKind.Request)
            {
                Accept(frame);
            }
            else if (frame.Kind == FrameKind.Cancel)
            {
                // Not by a worker: when all of them are busy, cancelling is what helps.
                uint id = frame.Id;
                new Thread(() => _running.Cancel(id)) { IsBackground = true }.Start();
            }
            else if (frame.Kind == FrameKind.Hello)
            {
                // A client that came late, or whose line was noisy, asks who we are.
                SayHello(hello);
            }
        }
    }

    private void SayHello(AgentHello hello)
    {
        MessageWriter writer = new();
        hello.Write(writer);
        channel.Write(FrameKind.Hello, 0, writer.Written);
    }

    private void Accept(Frame frame)
    {
        _running.Announce(frame.Id);
        if (!_workers.TryRun(() => Answer(frame)))
        {
            _running.Leave(frame.Id);
            channel.Write(FrameKind.Reply, frame.Id, CallResult.Failed(Libc.Eagain).ToReply());
        }
    }

    private void Answer(Frame frame)
    {
        _running.Enter(frame.Id);
        byte[] reply;
        try
        {
            reply = Calls.Execute(new CallContext(frame.Id, isGuest, _descriptors, _running), frame.Payload);
        }
        catch (Exception e) when (e is MalformedMessageException or OutOfMemoryException)
        {
            reply = CallResult.Failed(e is OutOfMemoryException ? 12 : AgentProtocol.Malformed).ToReply();
        }

        _running.Leave(frame.Id);
        channel.Write(FrameKind.Reply, frame.Id, reply);
    }
}
