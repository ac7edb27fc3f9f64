using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Vsockspec.Perf;

/// <summary>The micro-benchmarks; the workloads run through <c>vsockspec perf</c>.</summary>
public static class Program
{
    /// <summary>Few repetitions, in this process: nothing has to be built or restored for a run.</summary>
    public static void Main(string[] args) => BenchmarkSwitcher
        .FromAssembly(typeof(Program).Assembly)
        .Run(args, DefaultConfig.Instance.AddJob(Job.ShortRun.WithToolchain(InProcessEmitToolchain.Instance).AsDefault()));
}
