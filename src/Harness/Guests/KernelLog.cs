using System.Diagnostics;
using System.Text;
using Vsockspec.Interop;

namespace Vsockspec.Guests;

/// <summary>What the running kernel complains of. One thread at a time.</summary>
public interface IKernelLog : IDisposable
{
    /// <summary>The reports since the last call, or since the log was opened.</summary>
    IReadOnlyList<KernelReport> Take();
}

/// <summary>The log of the kernel that this process runs on.</summary>
public sealed class KernelLog : IKernelLog
{
    /// <summary>How long the rest of a report that has begun is waited for.</summary>
    private static readonly TimeSpan RestLimit = TimeSpan.FromMilliseconds(500);

    private readonly KernelMessages _messages;
    private readonly KernelReportReader _reader = new();

    private KernelLog(KernelMessages messages) => _messages = messages;

    /// <summary>The log from now on.</summary>
    /// <exception cref="ErrnoException">This process may not read it.</exception>
    public static KernelLog Open() => new(KernelMessages.OpenAtEnd());

    public IReadOnlyList<KernelReport> Take()
    {
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            while (_messages.Next() is { Length: > 0 } record)
            {
                if (MessageOf(record) is { } message)
                {
                    _reader.Add(message);
                }
            }

            TimeSpan left = RestLimit - Stopwatch.GetElapsedTime(start);
            if (!_reader.IsOpen || left <= TimeSpan.Zero)
            {
                return _reader.Take();
            }

            _messages.Wait(left);
        }
    }

    public void Dispose() => _messages.Dispose();

    /// <summary>
    /// The message of a record <c>prefix,sequence,time,flags[,...];message\n KEY=value\n...</c>. Null for one that comes from user space
    /// (facility other than 0), which is no word of the kernel's, and for what is no record.
    /// </summary>
    internal static string? MessageOf(ReadOnlySpan<byte> record)
    {
        int semicolon = record.IndexOf((byte)';');
        int comma = record.IndexOf((byte)',');
        if (semicolon < 0
            || comma <= 0
            || comma > semicolon
            || !System.Buffers.Text.Utf8Parser.TryParse(record[..comma], out uint prefix, out int used)
            || used != comma
            || prefix >> 3 != 0)
        {
            return null;
        }

        ReadOnlySpan<byte> message = record[(semicolon + 1)..];
        int end = message.IndexOf((byte)'\n');
        return Encoding.UTF8.GetString(end < 0 ? message : message[..end]);
    }
}
