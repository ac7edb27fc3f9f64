using System.CommandLine;
using System.Globalization;
using Vsockspec.Guests;

namespace Vsockspec.Cli.Commands;

/// <summary><c>vsockspec lab -- ARGS</c>: runs <c>vsockspec ARGS</c> in a virtual machine whose kernel has vhost-vsock and KVM.</summary>
internal static class LabCommand
{
    public static Command Create(Workbench bench)
    {
        LabSettings defaults = new();
        Option<string> kernel = new("--kernel")
        {
            Description = "debian:6.1, debian:6.12, debian:RELEASE or the path of a bzImage.",
            HelpName = "K",
            DefaultValueFactory = _ => defaults.Kernel,
        };
        Option<int> memory = CommonOptions.Number("--memory", "Memory of the machine in MiB.", defaults.MemoryMiB, LabPlan.MinMemoryMiB, LabPlan.MaxMemoryMiB);
        Option<int> cpus = CommonOptions.Number("--cpus", "Processors of the machine.", defaults.Cpus, 1, 64);
        Option<string> accelerator = new("--accel")
        {
            Description = "Who runs the machine's processors; auto: KVM if it can boot this kernel here, otherwise tcg.",
            HelpName = "auto|tcg|kvm",
            DefaultValueFactory = _ => defaults.Accelerator,
        };
        accelerator.AcceptOnlyFromAmong("auto", "tcg", "kvm");
        Option<TimeSpan?> timeout = Duration("--timeout", "The whole lab may take so long: 90s, 20m, 2h. [default: 1h]");
        Option<TimeSpan?> bootTimeout = Duration("--boot-timeout", "It may take so long to boot. [default: 120s]");
        Option<string?> console = new("--console") { Description = "Add what the machine's kernel prints to this file.", HelpName = "FILE" };
        Argument<string[]> arguments = new("ARGS") { Description = "What vsockspec is to do in the lab; after '--'.", Arity = ArgumentArity.OneOrMore };
        Command command = new("lab", "Run vsockspec in a virtual machine whose kernel has vhost-vsock and KVM.")
        {
            kernel, memory, cpus, accelerator, timeout, bootTimeout, console, arguments,
        };
        command.SetAction(parsed =>
        {
            LabSettings settings = new()
            {
                Kernel = parsed.GetRequiredValue(kernel),
                MemoryMiB = parsed.GetValue(memory),
                Cpus = parsed.GetValue(cpus),
                Accelerator = parsed.GetRequiredValue(accelerator),
                Limit = parsed.GetValue(timeout) ?? defaults.Limit,
                BootLimit = parsed.GetValue(bootTimeout) ?? defaults.BootLimit,
                ConsoleFile = parsed.GetValue(console) is { } file ? Path.GetFullPath(file) : null,
            };
            return new LabSession(bench, settings).Execute(parsed.GetRequiredValue(arguments));
        });
        return command;
    }

    private static Option<TimeSpan?> Duration(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "D",
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            TimeSpan? unit = text[^1..] switch
            {
                "s" => TimeSpan.FromSeconds(1),
                "m" => TimeSpan.FromMinutes(1),
                "h" => TimeSpan.FromHours(1),
                _ => null,
            };
            if (unit is { } one && int.TryParse(text[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 && count * one <= TimeSpan.FromDays(7))
            {
                return count * one;
            }

            result.AddError($"{name} {text}: not a time up to seven days; write a whole number and s, m or h: 90s, 20m, 2h");
            return null;
        },
    };
}
