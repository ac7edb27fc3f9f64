using Vsockspec.Interop;

namespace Vsockspec.Reference.Driver;

/// <summary>
/// Makes a line of standard input and output, whatever they are: the driver's loop wants one socket, so two threads move bytes between it and them.
/// </summary>
internal sealed class StandardLine : IDisposable
{
    private readonly UnixStream ours;
    private readonly Thread output;

    private StandardLine(UnixStream ours, Stream standardInput, Stream standardOutput)
    {
        this.ours = ours;
        output = new Thread(() => Write(standardOutput)) { IsBackground = true, Name = "standard output" };

        // Nothing can end a read of a terminal but its end, so this thread may outlive its usefulness.
        new Thread(() => Read(standardInput)) { IsBackground = true, Name = "standard input" }.Start();
        output.Start();
    }

    /// <param name="theirs">The driver's end.</param>
    public static StandardLine Open(out UnixStream theirs)
    {
        (UnixStream ours, theirs) = UnixStream.Pair();
        return new StandardLine(ours, Console.OpenStandardInput(), Console.OpenStandardOutput());
    }

    /// <summary>Returns when everything that the driver said, before its end of the line was closed, was written.</summary>
    public void Dispose()
    {
        output.Join();
        ours.Shutdown();
    }

    private void Read(Stream standardInput)
    {
        byte[] buffer = new byte[16 << 10];
        try
        {
            int count;
            while ((count = standardInput.Read(buffer)) > 0)
            {
                for (int sent = 0; sent < count;)
                {
                    StreamMove move = ours.Send(buffer.AsSpan(sent, count - sent));
                    sent += move.Count;
                    if (move.State == StreamState.Closed)
                    {
                        return;
                    }

                    if (move.State == StreamState.WouldBlock)
                    {
                        ours.Wait(PollEvents.Writable, Deadline.Never);
                    }
                }
            }
        }
        catch (IOException)
        {
            // A broken input is one that has ended.
        }

        ours.Shutdown();
    }

    private void Write(Stream standardOutput)
    {
        byte[] buffer = new byte[16 << 10];
        try
        {
            while (true)
            {
                ours.Wait(PollEvents.Readable, Deadline.Never);
                StreamMove move = ours.Receive(buffer);
                if (move.State == StreamState.Closed)
                {
                    return;
                }

                standardOutput.Write(buffer.AsSpan(0, move.Count));
                standardOutput.Flush();
            }
        }
        catch (IOException)
        {
            // Nobody reads any more: to the driver, its client has hung up.
            ours.Shutdown();
        }
    }
}
