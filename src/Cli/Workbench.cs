using System.Reflection;
using Vsockspec.Cases;
using Vsockspec.Guests;
using Vsockspec.Perf.Fitness;
using Vsockspec.Targets;

namespace Vsockspec.Cli;

/// <summary>Runs cases and tells the listener.</summary>
internal delegate void RunSuite(RunRequest request, IRunListener listener, CancellationToken cancellation);

/// <summary>What commands work with. Tests replace parts of it.</summary>
internal sealed record Workbench
{
    private Lazy<Catalogue> _catalogue = new(() => Catalogue.Of(Assembly.Load("Vsockspec.Conformance")));
    private Lazy<RequirementRegister>? _register;
    private Lazy<RegressionRegister>? _regressions;

    public required TextWriter Out { get; init; }

    public required TextWriter Error { get; init; }

    /// <summary>True when <see cref="Out"/> is a terminal that people look at.</summary>
    public bool IsTerminal { get; init; }

    public bool UseColour { get; init; }

    /// <summary>The folder of requirements, profiles and targets.</summary>
    public string Suites { get; init; } = SuiteData.Folder;

    /// <summary>Null where nothing can be run: <c>run</c> and <c>replay</c> are then not offered.</summary>
    public RunSuite? RunSuite { get; init; }

    /// <summary>Opens the cache of kernels.</summary>
    public Func<KernelStore> Kernels { get; init; } = KernelStore.OfThisUser;

    /// <summary>Opens the cache of the kernel's own vsock tests.</summary>
    public Func<VsockTestStore> VsockTests { get; init; } = VsockTestStore.OfThisUser;

    /// <summary>The command that starts this program again.</summary>
    public IReadOnlyList<string> Self { get; init; } = [DotNet.Host, Path.Combine(AppContext.BaseDirectory, "vsockspec.dll")];

    /// <summary>Opens the log of the kernel that this runs on; null where that is not the kernel that is judged.</summary>
    public Func<IKernelLog>? KernelLog { get; init; }

    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>The machine that measurements are made on, and watched over.</summary>
    public IMachine Machine { get; init; } = new LinuxMachine();

    public Catalogue Catalogue
    {
        get => _catalogue.Value;
        init => _catalogue = new Lazy<Catalogue>(value);
    }

    public RequirementRegister Register => (_register ??= new(() => RequirementRegister.Load(Path.Combine(Suites, "requirements")))).Value;

    public RegressionRegister Regressions => (_regressions ??= new(() => RegressionRegister.Load(Suites))).Value;

    public static Workbench OfThisProcess() => new()
    {
        RunSuite = (request, listener, cancellation) => new SuiteRunner(RequirementRegister.Load()).Run(request, listener, cancellation),
        Out = Console.Out,
        Error = Console.Error,
        IsTerminal = !Console.IsOutputRedirected && Environment.GetEnvironmentVariable("TERM") is not (null or "" or "dumb"),
        KernelLog = Environment.GetEnvironmentVariable(LabSession.LabVariable) == "1" ? Vsockspec.Guests.KernelLog.Open : null,
        UseColour = !Console.IsOutputRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")),
    };

    /// <summary>The same bench over another suites folder.</summary>
    public Workbench WithSuites(string? folder)
    {
        if (folder is null)
        {
            return this;
        }

        return Directory.Exists(Path.Combine(folder, "requirements"))
            ? this with { Suites = folder, _register = null, _regressions = null }
            : throw new UsageException($"--suites {folder}: has no folder 'requirements'; give a copy of the product's suites folder");
    }
}
