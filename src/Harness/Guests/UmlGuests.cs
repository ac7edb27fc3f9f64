namespace Vsockspec.Guests;

/// <summary>Guests in user-mode Linux. Kernel, agent and image are made once, when the first guest is asked for.</summary>
/// <param name="programs">Further programs that guests have; null: none.</param>
public sealed class UmlGuests(Action<string> progress, IReadOnlyList<GuestFile>? programs = null) : IGuestSource
{
    private readonly Lock _gate = new();
    private (GuestKernel Kernel, GuestImage Image)? _made;

    public string Name => UmlKernel.Name;

    public Guest Boot(GuestVsock device, CancellationToken cancellation)
    {
        string socket = device is GuestVsock.VhostUser back
            ? back.Socket
            : throw new GuestException("user-mode Linux reaches vhost-user devices only; use a kernel in QEMU: --guest debian:6.12");
        (GuestKernel kernel, GuestImage image) = Make(cancellation);
        return UmlLauncher.Start(kernel, image, new UmlOptions { DeviceSocket = socket }, cancellation);
    }

    public bool CanRestart => true;

    /// <summary>They all may: a panic ends the process in any case.</summary>
    public Guest BootRestartable(GuestVsock device, CancellationToken cancellation) => Boot(device, cancellation);

    private (GuestKernel Kernel, GuestImage Image) Make(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_made is null)
            {
                string agent = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
                GuestKernel kernel = UmlKernel.Get(ToolBox.OfThisMachine, cancellation);
                _made = (kernel, GuestImage.Build(kernel, agent, null, cancellation, programs: programs));
            }

            return _made.Value;
        }
    }
}
