using System.Runtime.InteropServices;
using Vsockspec.Guests.Protocol;

namespace Vsockspec.Agent;

/// <summary>The line to the client: frames over two descriptors. One thread reads, any thread writes.</summary>
internal sealed class Channel(int input, int output)
{
    private const short Readable = 1;

    /// <summary>A frame whose rest has not come for so long never gets whole.</summary>
    private const int HalfFramePatienceMs = 500;

    private readonly FrameReader _frames = new();
    private readonly Lock _writing = new();

    /// <summary>A terminal line that carries bytes as they are.</summary>
    /// <returns>Null when it cannot be opened.</returns>
    public static Channel? OpenTerminal(string path)
    {
        int fd = Libc.Open(path, Libc.ReadWrite | Libc.NoControllingTerminal | Libc.CloseOnExec, 0);
        if (fd < 0)
        {
            return null;
        }

        // A line that is no terminal (a virtio port) refuses this, and needs none of it.
        byte[] settings = new byte[256];
        if (Libc.GetTerminal(fd, ref settings[0]) == 0)
        {
            Libc.MakeRaw(ref settings[0]);
            _ = Libc.SetTerminal(fd, 0, ref settings[0]);
        }

        return new Channel(fd, fd);
    }

    /// <summary>Waits for the next frame; null when the line has ended.</summary>
    public Frame? Read()
    {
        byte[] piece = new byte[16 << 10];
        while (true)
        {
            if (_frames.TryRead(out Frame frame))
            {
                return frame;
            }

            PollItem item = new() { Fd = input, Events = Readable };
            int ready = Libc.Poll(ref item, 1, _frames.IsHalfway ? HalfFramePatienceMs : -1);
            if (ready == 0)
            {
                _frames.GiveUpHalf();
                continue;
            }

            nint count = ready < 0 ? -1 : Libc.Read(input, ref piece[0], piece.Length);
            if (count > 0)
            {
                _frames.Add(piece.AsSpan(0, (int)count));
            }
            else if (count == 0 || Marshal.GetLastPInvokeError() is not (Libc.Eintr or Libc.Eagain))
            {
                return null;
            }
        }
    }

    /// <summary>Sends a frame whole; what cannot be sent is lost, and the client learns it from its own deadline.</summary>
    public void Write(FrameKind kind, uint id, ReadOnlySpan<byte> payload)
    {
        byte[] bytes = FrameWriter.ToBytes(kind, id, payload);
        lock (_writing)
        {
            for (int sent = 0; sent < bytes.Length;)
            {
                nint count = Libc.Write(output, ref bytes[sent], bytes.Length - sent);
                if (count < 0 && Marshal.GetLastPInvokeError() != Libc.Eintr)
                {
                    return;
                }

                sent += (int)Math.Max(count, 0);
            }
        }
    }
}
