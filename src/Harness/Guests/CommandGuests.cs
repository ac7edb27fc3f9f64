using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>Guests in the VMM that a manifest describes. Kernel, agent and image are made once, when the first guest is asked for.</summary>
/// <param name="manifest">Its path.</param>
/// <param name="kernels">Opens the cache of kernels.</param>
/// <param name="kernelName">Another kernel than the manifest's; null: that one.</param>
/// <param name="programs">Further programs that guests have which boot our image; null: none.</param>
public sealed class CommandGuests(
    GuestSpec spec, string manifest, Func<KernelStore> kernels, string? kernelName, Action<string> progress, IReadOnlyList<GuestFile>? programs = null) : IGuestSource
{
    private readonly Lock _gate = new();
    private (GuestKernel Kernel, GuestImage Image)? _made;

    public Guest Boot(GuestVsock device, CancellationToken cancellation)
    {
        if (!spec.BootsOurs)
        {
            return CommandLauncher.Start(spec, manifest, GuestKernel.Foreign, null, device, cancellation);
        }

        (GuestKernel kernel, GuestImage image) = Make(cancellation);
        return CommandLauncher.Start(spec, manifest, kernel, image, device, cancellation);
    }

    private (GuestKernel Kernel, GuestImage Image) Make(CancellationToken cancellation)
    {
        lock (_gate)
        {
            if (_made is null)
            {
                string name = kernelName ?? spec.Kernel;
                GuestKernel kernel = name == UmlKernel.Name ? UmlKernel.Get(ToolBox.OfThisMachine, cancellation) : kernels().Fetch(name, progress, cancellation);
                string agent = AgentProgram.Find(GuestCache.Agents(), progress, cancellation);
                _made = (kernel, GuestImage.Build(kernel, agent, null, cancellation, spec.Modules, programs));
            }

            return _made.Value;
        }
    }
}
