namespace Vsockspec.Guests;

/// <summary>A guest did not boot, was lost, or its agent does not do as agreed. Never the fault of what is judged in it: a harness error.</summary>
/// <param name="message">What happened; the end of the guest's console, if there is any, is in it.</param>
public class GuestException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>A call into the guest did not end in its time; it was interrupted.</summary>
public sealed class GuestTimeoutException(string message) : GuestException(message);

/// <summary>The agent is gone: the guest ended or hangs.</summary>
public sealed class GuestLostException(string message, Exception? inner = null) : GuestException(message, inner);
