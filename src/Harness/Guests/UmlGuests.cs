using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// Guests in user-mode Linux on vhost-user targets. Kernel, agent and image are made once, when the first guest is asked for. Safe to use from several threads.
/// </summary>
public sealed class UmlGuests(Action<string> progress)
{
    private readonly Lock _gate = new();
    private (GuestKernel Kernel, GuestImage Image)? _made;

    /// <summary>Boots a guest on the target and returns when its agent is ready.</summary>
    /// <exception cref="GuestException">It did not boot, or the agent could not be made.</exception>
    /// <exception cref="KernelException">There is no kernel; the message has the remedy.</exception>
    public Guest Boot(IVhostUserInstance target, CancellationToken cancellation)
    {
        (GuestKernel kernel, GuestImage image) = Make(cancellation);
        return UmlLauncher.Start(kernel, image, new UmlOptions { DeviceSocket = target.Socket }, cancellation);
    }

    private (GuestKernel Kernel, GuestImage Image) Make(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_made is null)
            {
                string agent = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
                GuestKernel kernel = UmlKernel.Get(ToolBox.OfThisMachine, cancellation);
                _made = (kernel, GuestImage.Build(kernel, agent, null, cancellation));
            }

            return _made.Value;
        }
    }
}
