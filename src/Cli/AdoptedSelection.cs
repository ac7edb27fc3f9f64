using System.CommandLine;
using System.CommandLine.Parsing;
using Vsockspec.Cases;
using Vsockspec.Cli.Commands;
using Vsockspec.Guests;
using Vsockspec.Results;

namespace Vsockspec.Cli;

/// <summary>An adopted suite that is to be run.</summary>
/// <param name="Guest">Name of the guest's kernel; null: the one that runs here.</param>
internal sealed record AdoptedSelection(VsockTestName Name, string? Guest)
{
    /// <summary>What such a suite judges when nothing else is said.</summary>
    public const string DefaultTarget = "linux-vhost-vsock";

    private const string DefaultGuest = "debian:6.12";

    /// <summary>Takes all that the suite has.</summary>
    public Profile Profile => new() { Name = Name.Text, Description = "The kernel's own vsock tests, between this machine and a guest." };

    /// <summary>What a command line of <c>run</c> judges: an adopted suite has a default of its own.</summary>
    public static string TargetOf(ParseResult parsed) =>
        parsed.GetValue<string?>(RunCommand.SuiteOption) is not null && parsed.GetResult(RunCommand.TargetOption) is not OptionResult { Implicit: false }
            ? DefaultTarget
            : parsed.GetValue<string?>(RunCommand.TargetOption) ?? "";

    /// <summary>Null when no suite is named.</summary>
    /// <exception cref="UsageException">Options that do not go together.</exception>
    /// <exception cref="KernelException">There is no such suite or kernel.</exception>
    public static AdoptedSelection? Of(string? suite, string? guest, string? profile, int jobs)
    {
        if (suite is null)
        {
            return null;
        }

        if (profile is not null || jobs != 1)
        {
            throw new UsageException($"{(profile is null ? "--jobs" : "--profile")}: does not go with --suite: an adopted suite is run whole, one test at a time; choose with --case");
        }

        if (guest is not null)
        {
            KernelStore.CheckName(guest);
        }

        return new AdoptedSelection(VsockTestName.Parse(suite), guest);
    }

    /// <summary>The suite as it was run before, with the same guest where its kernel is still here.</summary>
    /// <exception cref="KernelException">The suite has gone, or a cached kernel is damaged.</exception>
    public static AdoptedSelection ToRepeat(AdoptedSuiteInfo before, KernelStore store)
    {
        string guest = $"debian:{before.Guest}";
        return new AdoptedSelection(VsockTestName.Parse(before.Name), IsKernel(guest) && store.Find(guest) is not null ? guest : null);
    }

    /// <summary>
    /// Makes on this machine what such a run needs, for in the lab there is no network and what is written is lost. Nothing is made for other commands.
    /// </summary>
    /// <param name="parsed">What is to run in the lab.</param>
    /// <param name="kernel">The lab's.</param>
    /// <exception cref="KernelException">Something cannot be fetched or built.</exception>
    /// <exception cref="GuestException">The agent does not compile.</exception>
    public static void Prepare(ParseResult parsed, Workbench bench, GuestKernel kernel, Action<string> progress, CancellationToken cancellation)
    {
        if (parsed.CommandResult.Command.Name != "run" || parsed.GetValue<string?>(RunCommand.SuiteOption) is not { } suite)
        {
            return;
        }

        AdoptedSelection adopted = Of(suite, parsed.GetValue<string?>(GuestOptions.NameOption), parsed.GetValue<string?>("--profile"), parsed.GetValue<int>("--jobs"))!;
        _ = bench.VsockTests().Fetch(adopted.Name, progress, cancellation);
        _ = adopted.GuestKernel(bench.Kernels(), kernel.Release, progress, cancellation);
        _ = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
    }

    /// <summary>The guest's kernel.</summary>
    /// <param name="running">Release of the kernel that runs where the tests do; null where that is unknown.</param>
    /// <exception cref="KernelException">It cannot be fetched.</exception>
    public GuestKernel GuestKernel(KernelStore store, string? running, Action<string> progress, CancellationToken cancellation)
    {
        string same = $"debian:{running}";
        return Guest is null && running is not null && IsKernel(same) && store.Find(same) is { } here ? here : store.Fetch(Guest ?? DefaultGuest, progress, cancellation);
    }

    private static bool IsKernel(string name)
    {
        try
        {
            KernelStore.CheckName(name);
            return true;
        }
        catch (KernelException)
        {
            return false;
        }
    }
}
