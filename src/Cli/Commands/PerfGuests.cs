using System.CommandLine;
using Vsockspec.Guests;
using Vsockspec.Perf.Guests;
using Vsockspec.Perf.Plans;
using Vsockspec.Targets;

namespace Vsockspec.Cli.Commands;

/// <summary>Guests for <c>perf run</c>, with vsock_perf of the kernel's source in them.</summary>
internal static class PerfGuests
{
    /// <summary>Kernels before 6.3 have no vsock_perf; a guest of any kernel runs it.</summary>
    private static readonly VsockTestName Source = VsockTestName.Parse(VsockTestName.Suite);

    /// <summary>Null when the plan measures nothing from a guest.</summary>
    /// <param name="facts">Gets what is known of vsock_perf.</param>
    /// <exception cref="UsageException">A guest is named for a plan that needs none.</exception>
    /// <exception cref="KernelException">No kernel is called so.</exception>
    public static GuestPlace? Of(
        PerfPlan plan, GuestOptions options, ParseResult parsed, TargetManifest manifest, Workbench bench, Dictionary<string, string> facts, CancellationToken cancellation)
    {
        if (!plan.UsesGuest)
        {
            return options.Name(parsed) is { } name
                ? throw new UsageException($"{GuestOptions.NameOption} {name}: the plan '{plan.Name}' measures nothing from a guest; take one that does: --plan guest")
                : null;
        }

        // What is wrong with the options is said before anything is fetched for them.
        _ = options.Source(parsed, manifest, bench);
        GuestFile? program = FetchVsockPerf(bench, facts, cancellation);
        IGuestSource source = options.Source(parsed, manifest, bench, program is null ? null : [program]);
        return new GuestPlace(source, GuestFigures.Slug(source.Name), hasVsockPerf: program is not null, line => bench.Error.WriteLine($"guest: {line}"));
    }

    /// <summary>The plan, if it needs no guest.</summary>
    /// <exception cref="UsageException">It does.</exception>
    public static PerfPlan WithoutGuests(PerfPlan plan) => plan.UsesGuest
        ? throw new UsageException($"--plan {plan.Name}: measures from a guest, and this does not; take one that drives the rings: --plan {PerfPlan.Default}")
        : plan;

    /// <summary>Makes on this machine what such a run needs, for in the lab there is no network and what is written is lost. Nothing is made for other commands.</summary>
    /// <param name="parsed">What is to run in the lab.</param>
    /// <exception cref="KernelException">Something cannot be fetched.</exception>
    /// <exception cref="GuestException">The agent does not compile.</exception>
    public static void Prepare(ParseResult parsed, Workbench bench, Action<string> progress, CancellationToken cancellation)
    {
        if (parsed.CommandResult is not { Command.Name: "run", Parent: System.CommandLine.Parsing.CommandResult { Command.Name: PerfCommand.Name } }
            || !PerfPlan.Find(parsed.GetValue<string>("--plan")!, bench.Suites).UsesGuest)
        {
            return;
        }

        _ = FetchVsockPerf(bench, [], cancellation);
        string name = parsed.GetValue<string?>(GuestOptions.NameOption) ?? GuestSpec.DefaultKernel;
        if (name != UmlKernel.Name)
        {
            _ = bench.Kernels().Fetch(name, progress, cancellation);
        }

        _ = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
    }

    /// <summary>Null when it cannot be had: then there is nothing to check our figures by, and everything else is measured.</summary>
    private static GuestFile? FetchVsockPerf(Workbench bench, Dictionary<string, string> facts, CancellationToken cancellation)
    {
        string why;
        try
        {
            VsockTests tests = bench.VsockTests().Fetch(Source, line => bench.Error.WriteLine($"guest: {line}"), cancellation);
            if (tests.Programs.TryGetValue(VsockTests.Perf, out string? path))
            {
                facts[GuestThroughput.CrossCheck] = $"{tests.Package} {tests.PackageVersion}, sha256 {tests.PackageSha256}";
                return new GuestFile(VsockPerfWords.Place, path);
            }

            why = tests.Missing.GetValueOrDefault(VsockTests.Perf) ?? "the source has none";
        }
        catch (KernelException e)
        {
            why = e.Message;
        }

        bench.Error.WriteLine($"guest: {GuestThroughput.CrossCheck} is not there, our figures stand alone: {why}");
        return null;
    }
}
