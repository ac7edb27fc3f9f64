using Vsockspec.Guests.Protocol;
using Vsockspec.Interop;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>A guest whose agent is ready. Disposing ends it and everything that belongs to it.</summary>
public sealed class Guest : IDisposable
{
    private readonly IGuestMachine _machine;
    private readonly InstanceFolder _folder;

    /// <summary>Takes over a machine whose agent has said hello, and everything that belongs to it.</summary>
    /// <param name="folder">The machine's own.</param>
    /// <param name="readyAfter">From its start to the hello.</param>
    /// <param name="shell">The terminal of a shell in it, if it has one.</param>
    public Guest(IGuestMachine machine, InstanceFolder folder, AgentClient agent, AgentHello hello, TimeSpan readyAfter, UnixStream? shell)
    {
        _machine = machine;
        _folder = folder;
        Agent = agent;
        Hello = hello;
        ReadyAfter = readyAfter;
        Shell = shell;
    }

    public AgentClient Agent { get; }

    public AgentHello Hello { get; }

    /// <summary>From the start of the machine to the agent's hello.</summary>
    public TimeSpan ReadyAfter { get; }

    /// <summary>The terminal of a shell in the guest, if one was asked for.</summary>
    public UnixStream? Shell { get; }

    public int ProcessId => _machine.Id;

    public bool HasExited => _machine.HasExited;

    /// <summary>What it runs on.</summary>
    public required GuestMachine Machine { get; init; }

    public required GuestKernel Kernel { get; init; }

    /// <summary><c>sha256:</c> and 64 hexadecimal digits over the initramfs; empty for a machine that brings its own system.</summary>
    public required string ImageDigest { get; init; }

    /// <summary>The end of what the guest's kernel printed, and its machine; oldest first, fit to be printed.</summary>
    public IReadOnlyList<string> Console => OwnConsole is null ? _machine.LastLines : [.. _machine.LastLines, .. OwnConsole.Lines];

    /// <summary>The kernel's console where it is not the machine's output; becomes this object's.</summary>
    internal GuestConsole? OwnConsole { get; init; }

    /// <summary>Waits until the machine has ended; false when the time is over first.</summary>
    public bool WaitForExit(TimeSpan time) => _machine.WaitForExit(time);

    public void Dispose()
    {
        // The line first: its reader looks at the machine when it ends, and must not find it half gone.
        Agent.Dispose();
        _machine.Dispose();
        OwnConsole?.Dispose();
        Shell?.Dispose();
        _folder.Dispose();
    }
}
