namespace Vsockspec.Guests;

/// <summary>The lab cannot be had on this machine, or broke. The message names what is missing or what happened last, and the remedy.</summary>
public sealed class LabException(string message, Exception? inner = null) : Exception(message, inner);
