using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>Programs of the guest.</summary>
internal static class ProgramCalls
{
    private const int ProcessDescriptor = 434;
    private const int Kill = 9;
    private const short Readable = 1;

    /// <summary>
    /// Runs a program to its end; the result is its status as wait(2) gives it. A call that is interrupted kills the program with its children and ends
    /// with EINTR. Either way the end of what was written follows.
    /// </summary>
    public static byte[] Execute(CallContext context, ref MessageReader reader)
    {
        string path = reader.Text();
        string[] words = new string[1 + reader.Count(AgentProtocol.MaxArguments)];
        words[0] = path;
        for (int i = 1; i < words.Length; i++)
        {
            words[i] = reader.Text();
        }

        OutputTail tail = new(reader.Count(AgentProtocol.MaxInline));
        reader.End();
        return Run(context, words, tail).Begin().Add(tail.Total).Add(tail.ToArray()).Written.ToArray();
    }

    private static CallResult Run(CallContext context, string[] words, OutputTail tail)
    {
        int[] ends = new int[2];
        if (Libc.Pipe(ref ends[0], Libc.CloseOnExec) != 0)
        {
            return CallResult.Of(-1);
        }

        int process = 0;
        int refused;
        using (SpawnPlan plan = new(ends[1]))
        {
            refused = plan.Start(words, ref process);
        }

        _ = Libc.Close(ends[1]);
        CallResult result = refused != 0 ? CallResult.Failed(refused) : Follow(context, process, ends[0], tail);
        _ = Libc.Close(ends[0]);
        return result;
    }

    /// <summary>The program's own end counts: a child that it leaves behind may hold the pipe for ever, and is killed.</summary>
    private static CallResult Follow(CallContext context, int process, int pipe, OutputTail tail)
    {
        int descriptor = (int)Libc.ProcessDescriptor(ProcessDescriptor, process, 0);
        int status = 0;
        bool isKilled = descriptor < 0;
        CallResult failure = isKilled ? CallResult.Of(-1) : default;
        if (isKilled)
        {
            _ = Libc.Signal(-process, Kill);
        }

        PollItem[] items = [new() { Fd = pipe, Events = Readable }, new() { Fd = descriptor, Events = Readable }];
        byte[] piece = new byte[16 << 10];
        while (descriptor >= 0)
        {
            int ready = Libc.Poll(ref items[0], 2, -1);
            if (!isKilled && context.IsCancelled)
            {
                isKilled = true;
                failure = CallResult.Failed(Libc.Eintr);
                _ = Libc.Signal(-process, Kill);
            }

            if (ready > 0 && items[0].Ready != 0 && !Read(pipe, piece, tail))
            {
                items[0].Fd = -1;
            }

            if (ready > 0 && items[1].Ready != 0)
            {
                break;
            }
        }

        // Before it is waited for: the number is the program's until then.
        _ = Libc.Signal(-process, Kill);
        while (Libc.WaitProcess(process, ref status, 0) < 0 && Marshal.GetLastPInvokeError() == Libc.Eintr)
        {
        }

        while (items[0].Fd >= 0 && Libc.Poll(ref items[0], 1, 0) > 0 && Read(pipe, piece, tail))
        {
        }

        _ = Libc.Close(descriptor);
        return failure.Errno != 0 ? failure : new CallResult(status, 0);
    }

    /// <summary>False at the end of the pipe.</summary>
    private static bool Read(int pipe, byte[] piece, OutputTail tail)
    {
        nint count = Libc.Read(pipe, ref piece[0], piece.Length);
        tail.Add(piece.AsSpan(0, (int)Math.Max(count, 0)));
        return count > 0 || (count < 0 && Marshal.GetLastPInvokeError() == Libc.Eintr);
    }
}
