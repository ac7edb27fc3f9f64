using BenchmarkDotNet.Attributes;
using Vsockspec.Wire;

namespace Vsockspec.Perf.Benchmarks;

/// <summary>Header to bytes and back.</summary>
[MemoryDiagnoser]
public class CodecBenchmarks
{
    private readonly byte[] bytes = new byte[VsockHeader.Size];
    private readonly VsockHeader header = new() { SrcCid = 3, DstCid = 2, SrcPort = 1024, DstPort = 1234, Len = 5, Type = SocketType.Stream, Op = Op.Rw, BufAlloc = 262_144 };

    [Benchmark]
    public void Write() => header.Write(bytes);

    [Benchmark]
    public uint Read() => VsockHeader.Read(bytes).Len;
}
