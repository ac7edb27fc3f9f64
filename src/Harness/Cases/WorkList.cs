using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>
/// The cases that are still to be run, and who takes which: a worker goes on with cases for the device that it has, then takes up a device that no other worker has,
/// because each other device costs the boot of a guest. Cases about devices are taken in their order. Safe to use from several threads.
/// </summary>
internal sealed class WorkList(IEnumerable<(CaseRun Run, int Repetition)> plan)
{
    private readonly Lock gate = new();
    private readonly LinkedList<(CaseRun Run, int Repetition)> left = new(plan);
    private readonly Dictionary<int, Need> held = [];

    /// <summary>The next case for a worker; false when there is none.</summary>
    /// <param name="worker">Its number.</param>
    public bool TryTake(int worker, out (CaseRun Run, int Repetition) next)
    {
        lock (gate)
        {
            LinkedListNode<(CaseRun Run, int Repetition)>? node = Choose(worker);
            if (node is null)
            {
                next = default;
                return false;
            }

            left.Remove(node);
            held[worker] = Need.Of(node.Value.Run);
            next = node.Value;
            return true;
        }
    }

    /// <summary>Nothing more is run.</summary>
    public void Clear()
    {
        lock (gate)
        {
            left.Clear();
        }
    }

    private LinkedListNode<(CaseRun Run, int Repetition)>? Choose(int worker)
    {
        Need own = held.GetValueOrDefault(worker);
        HashSet<Need> others = [.. held.Where(h => h.Key != worker).Select(h => h.Value)];
        LinkedListNode<(CaseRun Run, int Repetition)>? free = null;
        for (LinkedListNode<(CaseRun Run, int Repetition)>? node = left.First; node is not null; node = node.Next)
        {
            Need need = Need.Of(node.Value.Run);
            if (need == own)
            {
                return node;
            }

            free ??= others.Contains(need) ? null : node;
        }

        return free ?? left.First;
    }

    /// <summary>What a worker has to have for a case.</summary>
    /// <param name="Setup">The scripted device; null for a case about a device, which takes whatever instance there is.</param>
    /// <param name="Alone">It is a guest for this case only, so those who need one have nothing in common.</param>
    private readonly record struct Need(DeviceSetup? Setup, bool Alone)
    {
        public static Need Of(CaseRun run) => run.Case.Role == TargetRole.Driver
            ? new Need(run.Case.Offer.Setup(run.Variant, 0), run.Case.Attribute.Isolation == Isolation.Process)
            : default;
    }
}
