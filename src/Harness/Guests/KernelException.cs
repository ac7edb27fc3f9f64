namespace Vsockspec.Guests;

/// <summary>A kernel cannot be found, fetched or used. The message names the kernel or file and the remedy.</summary>
public sealed class KernelException : Exception
{
    private KernelException(string message, bool isInputError, Exception? inner)
        : base(message, inner) => IsInputError = isInputError;

    /// <summary>True when what the user gave is at fault (exit code 2), false when this machine or the network is (exit code 3).</summary>
    public bool IsInputError { get; }

    /// <summary>The name, or the file it leads to, is not what is needed.</summary>
    public static KernelException OfInput(string message, Exception? inner = null) => new(message, true, inner);

    /// <summary>A tool, the cache or the network failed.</summary>
    public static KernelException OfMachine(string message, Exception? inner = null) => new(message, false, inner);
}
