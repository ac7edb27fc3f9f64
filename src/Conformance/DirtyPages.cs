using Vsockspec.Cases;
using Vsockspec.Memory;
using Vsockspec.Peers;
using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Conformance;

/// <summary>What cases about the log of dirty pages share: buffers of known place that are filled while the log is kept, and a look at it.</summary>
internal static class DirtyPages
{
    /// <summary>What <see cref="Fill"/> takes: more than one buffer, less than all.</summary>
    public const int Bytes = 40_000;

    private const int Buffers = 8;
    private const uint BufferBytes = 12 * 1024;

    /// <summary>
    /// Posts fresh rx buffers where nothing else lies, and has the host application's data written into them. The driver must have no other rx buffer posted.
    /// </summary>
    /// <returns>Address of the first buffer.</returns>
    public static ulong Fill(RawDriver driver, Flow flow, HostConnection host, byte[] data)
    {
        ulong start = driver.Arena.Allocate(Buffers * BufferBytes, alignment: 2048, RawDriver.HighRegion);
        for (uint i = 0; i < Buffers; i++)
        {
            _ = driver.Rx.TryPost(RingBuffer.Writable(start + (i * BufferBytes), BufferBytes));
        }

        driver.Rx.Flush();
        host.Send(data);
        Exchange.Same(flow.Read(data.Length), data, "host to guest while pages are logged");
        driver.ExpectReturned(flow.Send(Op.CreditUpdate));
        return start;
    }

    /// <summary>Fails unless every page of the buffers that was written is marked. The memory was zero: pages that are not any more were written.</summary>
    public static void RequireMarked(RawDriver driver, DirtyLog log, ulong start)
    {
        int written = 0;
        for (ulong page = start / DirtyLog.PageSize; page * DirtyLog.PageSize < start + (Buffers * BufferBytes); page++)
        {
            ulong address = page * DirtyLog.PageSize;
            bool dirty = driver.Memory.Slice(address, (uint)DirtyLog.PageSize).ContainsAnyExcept((byte)0);
            written += dirty ? 1 : 0;
            CaseContext.Require(
                !dirty || log.IsMarked(address),
                "dirty-page-not-logged",
                $"a mark for the page at 0x{address:x}, in which rx buffers were filled",
                $"none, after {written} pages that were written");
        }
    }
}
