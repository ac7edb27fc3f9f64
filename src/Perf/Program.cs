using BenchmarkDotNet.Running;

namespace Vsockspec.Perf;

/// <summary>The micro-benchmarks; the workloads run through <c>vsockspec perf</c>.</summary>
public static class Program
{
    public static void Main(string[] args) => BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run(args);
}
