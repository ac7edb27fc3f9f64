using System.Diagnostics;
using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>
/// The line to the agent of one guest: many calls at a time, each with its answer. While calls are under way the agent is asked whether it lives,
/// so one that hangs is noticed after <see cref="LostAfter"/>. What comes over the line is untrusted. Thread-safe.
/// </summary>
public sealed class AgentConnection : IDisposable
{
    private const uint PingId = uint.MaxValue;

    /// <summary>How often the reader looks up, and how long a frame may stay half-written.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(500);

    /// <summary>After so long without a frame the agent is asked for one.</summary>
    private static readonly TimeSpan PingAfter = TimeSpan.FromSeconds(1);

    /// <summary>A guest under KVM in a machine that is itself translated may stand still for longer than any other, and goes on.</summary>
    private static readonly TimeSpan UsualLimit = TimeSpan.FromSeconds(KvmProof.IsTranslated ? 30 : 5);

    /// <summary>How long a call may go on after it was interrupted.</summary>
    private static readonly TimeSpan InterruptPatience = TimeSpan.FromSeconds(3);

    private readonly UnixStream _stream;
    private readonly Func<string> _console;
    private readonly Thread _reader;
    private readonly Lock _gate = new();
    private readonly Lock _writing = new();
    private readonly Dictionary<uint, TaskCompletionSource<byte[]>> _pending = [];
    private readonly TaskCompletionSource<AgentHello> _hello = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource<AgentHello>? _restarting;
    private GuestException? _lost;
    private uint _lastId;
    private long _heard;
    private bool _disposed;

    /// <param name="stream">Becomes this object's.</param>
    /// <param name="console">The end of the guest's console, for messages; may wait a little for what is still to come.</param>
    /// <param name="lostAfter">Null: 5 s, in a translated machine 30 s.</param>
    public AgentConnection(UnixStream stream, Func<string> console, TimeSpan? lostAfter = null)
    {
        _stream = stream;
        _console = console;
        LostAfter = lostAfter ?? UsualLimit;
        _reader = new Thread(Follow) { IsBackground = true, Name = "agent" };
        _reader.Start();
    }

    /// <summary>Without a frame for so long, though one was asked for, the agent counts as lost.</summary>
    public TimeSpan LostAfter { get; }

    /// <summary>What the agent says when it is up. Fails with <see cref="GuestException"/> when it is lost before, or of another version.</summary>
    public Task<AgentHello> Hello => _hello.Task;

    /// <summary>Makes one call; the reply's payload is the result.</summary>
    /// <param name="deadline">After it the call is interrupted in the guest.</param>
    /// <param name="cancellation">Interrupts the call in the guest, whose result is then EINTR.</param>
    /// <exception cref="GuestTimeoutException">The deadline passed.</exception>
    /// <exception cref="GuestLostException">The agent is gone.</exception>
    public async Task<byte[]> Call(AgentCall call, MessageWriter request, TimeSpan deadline, CancellationToken cancellation)
    {
        TaskCompletionSource<byte[]> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        uint id = Announce(answer);
        using CancellationTokenSource end = new(deadline);
        using CancellationTokenRegistration late = end.Token.Register(() => Send(FrameKind.Cancel, id, []));
        Send(FrameKind.Request, id, request.Written);
        using CancellationTokenRegistration cancelled = cancellation.Register(() => Send(FrameKind.Cancel, id, []));
        try
        {
            byte[] reply = await answer.Task.WaitAsync(deadline + InterruptPatience, CancellationToken.None).ConfigureAwait(false);
            return end.IsCancellationRequested && !cancellation.IsCancellationRequested && GuestResult.Of(reply).Errno == GuestResult.Interrupted
                ? throw Late(call, deadline, "")
                : reply;
        }
        catch (TimeoutException)
        {
            throw Late(call, deadline, ", and could not be interrupted");
        }
        finally
        {
            lock (_gate)
            {
                _pending.Remove(id);
            }
        }
    }

    /// <summary>Makes the one call that is not answered but by the hello of another agent, which has the line after this one.</summary>
    /// <exception cref="GuestCallException">It was answered: the guest refuses.</exception>
    /// <exception cref="GuestTimeoutException">The limit passed.</exception>
    /// <exception cref="GuestLostException">The agent is gone for good.</exception>
    public async Task<AgentHello> Restart(MessageWriter request, TimeSpan limit)
    {
        TaskCompletionSource<byte[]> refusal = new(TaskCreationOptions.RunContinuationsAsynchronously);
        TaskCompletionSource<AgentHello> restarting = new(TaskCreationOptions.RunContinuationsAsynchronously);
        uint id = Announce(refusal);
        lock (_gate)
        {
            _restarting = restarting;
        }

        Send(FrameKind.Request, id, request.Written);
        try
        {
            if (await Task.WhenAny(refusal.Task, restarting.Task).WaitAsync(limit).ConfigureAwait(false) == refusal.Task && refusal.Task.IsCompletedSuccessfully)
            {
                throw new GuestCallException("reboot", GuestResult.Of(await refusal.Task.ConfigureAwait(false)).Errno);
            }

            return await restarting.Task.WaitAsync(limit).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            throw new GuestTimeoutException(
                string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the guest did not start anew within {limit.TotalSeconds:0.###} s{_console()}"));
        }
        finally
        {
            lock (_gate)
            {
                _pending.Remove(id);
                _restarting = null;
            }

            // Whoever waited has been told by the other one.
            _ = refusal.Task.ContinueWith(task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            _ = restarting.Task.ContinueWith(task => task.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
        }

        _stream.Shutdown();
        _reader.Join();
        Lose("was closed here", withConsole: false);
        _stream.Dispose();
    }

    private static GuestTimeoutException Late(AgentCall call, TimeSpan deadline, string more) =>
        new(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"the call {call} in the guest did not end within {deadline.TotalSeconds:0.###} s{more}"));

    private uint Announce(TaskCompletionSource<byte[]> answer)
    {
        lock (_gate)
        {
            if (_lost is { } lost)
            {
                throw new GuestLostException(lost.Message, lost);
            }

            if (_pending.Count == 0)
            {
                // Nobody has listened for the agent in the meantime: its time begins now.
                _heard = Stopwatch.GetTimestamp();
            }

            do
            {
                _lastId++;
            }
            while (_lastId is 0 or PingId || !_pending.TryAdd(_lastId, answer));
            return _lastId;
        }
    }

    private void Send(FrameKind kind, uint id, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = FrameWriter.ToBytes(kind, id, payload);
        try
        {
            lock (_writing)
            {
                Deadline deadline = Deadline.In(LostAfter);
                for (int sent = 0; sent < bytes.Length;)
                {
                    StreamMove move = _disposed ? new StreamMove(StreamState.Closed) : _stream.Send(bytes.AsSpan(sent));
                    sent += move.Count;
                    if (move.State == StreamState.Closed)
                    {
                        // The reader sees the same end and tells of it.
                        return;
                    }

                    if (move.State == StreamState.WouldBlock && !_stream.Wait(PollEvents.Writable, deadline))
                    {
                        Lose($"took nothing from its line for {LostAfter.TotalSeconds:0} s", withConsole: true);
                        return;
                    }
                }
            }
        }
        catch (Exception e) when (e is ErrnoException or ObjectDisposedException)
        {
            Lose($"has a broken line: {e.Message}", withConsole: true);
        }
    }

    private void Follow()
    {
        FrameReader frames = new();
        byte[] piece = new byte[64 << 10];
        bool ended = false;
        try
        {
            while (!ended && !_disposed)
            {
                if (!_stream.Wait(PollEvents.Readable, Deadline.In(Glance)))
                {
                    frames.GiveUpHalf();
                }
                else
                {
                    StreamMove move = _stream.Receive(piece);
                    frames.Add(piece.AsSpan(0, move.Count));
                    ended = move.State == StreamState.Closed;
                }

                while (frames.TryRead(out Frame frame))
                {
                    Take(frame);
                }

                LookAfterSilence(frames.Skipped);
            }
        }
        catch (ErrnoException e)
        {
            Lose($"has a broken line: {e.Message}", withConsole: true);
        }

        Lose("hung up: the guest has ended", withConsole: !_disposed);
    }

    private void Take(Frame frame)
    {
        if (frame.Version != AgentProtocol.Version)
        {
            Lose($"is of version {frame.Version}, and this is version {AgentProtocol.Version}; build the guest's image again", withConsole: false);
            return;
        }

        TaskCompletionSource<byte[]>? answer = null;
        lock (_gate)
        {
            _heard = Stopwatch.GetTimestamp();
            if (frame.Kind == FrameKind.Reply)
            {
                _pending.Remove(frame.Id, out answer);
            }
        }

        answer?.TrySetResult(frame.Payload);
        if (frame.Kind == FrameKind.Hello)
        {
            try
            {
                Greet(AgentHello.Read(frame.Payload));
            }
            catch (MalformedMessageException e)
            {
                Lose($"says something else than hello: {e.Message}", withConsole: true);
            }
        }
    }

    /// <summary>A further hello is that of an agent after a restart if one was asked for; otherwise the agent only says again who it is.</summary>
    private void Greet(AgentHello hello)
    {
        if (_hello.TrySetResult(hello))
        {
            return;
        }

        TaskCompletionSource<AgentHello>? restarting;
        TaskCompletionSource<byte[]>[] waiting = [];
        lock (_gate)
        {
            restarting = _restarting;
            _restarting = null;
            if (restarting is not null)
            {
                waiting = [.. _pending.Values];
                _pending.Clear();
            }
        }

        restarting?.TrySetResult(hello);
        foreach (TaskCompletionSource<byte[]> answer in waiting)
        {
            answer.TrySetException(new GuestLostException("the guest has started anew, and the call went with the kernel that made it"));
        }
    }

    private void LookAfterSilence(long skipped)
    {
        TimeSpan silence;
        lock (_gate)
        {
            if (_pending.Count == 0 || _restarting is not null)
            {
                return;
            }

            silence = Stopwatch.GetElapsedTime(_heard);
        }

        if (silence >= LostAfter)
        {
            string noise = skipped == 0 ? "" : $" ({skipped} bytes on its line were none of its)";
            Lose($"has not answered for {LostAfter.TotalSeconds:0.#} s{noise}", withConsole: true);
        }
        else if (silence >= PingAfter)
        {
            Send(FrameKind.Request, PingId, new MessageWriter().Add((short)AgentCall.Ping).Written);
        }
    }

    /// <summary>Fails everything that waits, and everything that comes.</summary>
    private void Lose(string how, bool withConsole)
    {
        lock (_gate)
        {
            if (_lost is not null)
            {
                return;
            }
        }

        string console = withConsole ? _console() : "";
        TaskCompletionSource<byte[]>[] waiting;
        GuestLostException lost = new($"the agent {how}{console}");
        lock (_gate)
        {
            _lost ??= lost;
            waiting = [.. _pending.Values];
            _restarting?.TrySetException(lost);
        }

        _hello.TrySetException(lost);

        // Nobody may ever wait for the hello: that is no unobserved failure.
        _ = _hello.Task.Exception;
        foreach (TaskCompletionSource<byte[]> answer in waiting)
        {
            answer.TrySetException(lost);
        }
    }
}
