using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>User-mode Linux: a kernel that is a program.</summary>
public static class UmlKernel
{
    public const string Name = "uml";

    /// <summary>Debian's name of the program.</summary>
    public const string Program = "linux";

    private const int MaxAnswer = 4096;
    private static readonly string[] ModuleFolders = ["/usr/lib/uml/modules", "/lib/uml/modules"];
    private static readonly TimeSpan AnswerTime = TimeSpan.FromSeconds(10);

    /// <summary>The one that is installed; null when none is.</summary>
    /// <exception cref="KernelException">The program does not say its release.</exception>
    public static GuestKernel? Find(ToolBox tools, CancellationToken cancellation)
    {
        if (tools.Find(Program) is not { } program)
        {
            return null;
        }

        ToolOutput answer = ToolBox.Run(program, ["--version"], null, MaxAnswer, AnswerTime, cancellation);
        string release = Printable.Clean(answer.Text.Trim());
        return KernelName.IsRelease(release)
            ? new GuestKernel(
                Name,
                release,
                program,
                ModuleFolders.Select(f => Path.Combine(f, release)).FirstOrDefault(Directory.Exists),
                null,
                release,
                KernelFiles.Digest(program))
            : throw KernelException.OfMachine($"{program} --version: says no kernel release but '{release}'; install user-mode Linux: sudo apt-get install -y user-mode-linux");
    }

    /// <summary>As <see cref="Find"/>; a machine without it is an error that says how to install it.</summary>
    public static GuestKernel Get(ToolBox tools, CancellationToken cancellation) =>
        Find(tools, cancellation) ?? throw KernelException.OfMachine("user-mode Linux is not on this machine; install it: sudo apt-get install -y user-mode-linux");
}
