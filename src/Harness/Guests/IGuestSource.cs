namespace Vsockspec.Guests;

/// <summary>Boots guests of one kind. Safe to use from several threads.</summary>
public interface IGuestSource
{
    /// <summary>What such guests are called where measurements of one kind are kept together: <c>uml</c>, the name of a kernel, or <c>vmm</c>.</summary>
    string Name => "vmm";

    /// <summary>Boots a guest on a device and returns when its agent is ready.</summary>
    /// <exception cref="GuestException">It did not boot, cannot have such a device, or the agent could not be made.</exception>
    /// <exception cref="KernelException">There is no such kernel; the message has the remedy.</exception>
    /// <exception cref="OperationCanceledException">Cancelled; nothing of the guest is left.</exception>
    Guest Boot(GuestVsock device, CancellationToken cancellation);

    /// <summary>Guests of this kind may start anew by themselves: <see cref="BootRestartable"/>.</summary>
    bool CanRestart => false;

    /// <summary>As <see cref="Boot"/>; the guest's kernel may start its machine anew.</summary>
    /// <exception cref="NotSupportedException"><see cref="CanRestart"/> is false.</exception>
    Guest BootRestartable(GuestVsock device, CancellationToken cancellation) => throw new NotSupportedException("guests of this kind do not start anew");
}
