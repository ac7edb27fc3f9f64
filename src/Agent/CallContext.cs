namespace Vsockspec.Agent;

/// <summary>What one call works with.</summary>
/// <param name="Id">Of its request.</param>
/// <param name="IsGuest">False when the agent runs on somebody's machine: it then opens no vsock sockets, which would be the machine's own.</param>
internal sealed record CallContext(uint Id, bool IsGuest, Descriptors Descriptors, RunningCalls Running)
{
    public bool IsCancelled => Running.IsCancelled(Id);
}
