using Vsockspec.Cases;

namespace Vsockspec.Cli.Tests.Certificates;

/// <summary>The program as it is, with the real suite, in this process.</summary>
internal static class Product
{
    /// <summary>What commands work with: catalogue and register are read once for all tests.</summary>
    public static readonly Workbench Bench = new()
    {
        Out = TextWriter.Null,
        Error = TextWriter.Null,
        RunSuite = (request, listener, cancellation) => new SuiteRunner(RequirementRegister.Load()).Run(request, listener, cancellation),
    };

    public static (int ExitCode, string Out, string Error) Run(params string[] arguments)
    {
        using StringWriter output = new();
        using StringWriter error = new();
        int exitCode = Application.Run(arguments, Bench with { Out = output, Error = error });
        return (exitCode, output.ToString(), error.ToString());
    }
}
