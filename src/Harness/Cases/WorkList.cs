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
    private readonly Dictionary<int, Need> foreseen = [];

    /// <summary>A worker that has no more cases than this left for its device looks ahead: they take about as long as a boot.</summary>
    private const int Soon = 16;

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
            Need need = Need.Of(node.Value.Run);
            held[worker] = need;
            if (foreseen.GetValueOrDefault(worker) == need)
            {
                foreseen.Remove(worker);
            }

            next = node.Value;
            return true;
        }
    }

    /// <summary>The first case for which the worker, which has just taken one, will soon need another device; other workers leave those like it alone while they can. Null: not soon, or never.</summary>
    /// <param name="counts">False for a case that needs nothing.</param>
    public CaseRun? Foresee(int worker, Predicate<CaseRun> counts)
    {
        lock (gate)
        {
            Need own = held.GetValueOrDefault(worker);
            HashSet<Need> others = OfOthers(worker);
            int before = 0;
            CaseRun? found = null;
            foreach ((CaseRun run, _) in left)
            {
                Need need = Need.Of(run);
                if (need == own && !own.Alone)
                {
                    before++;
                }
                else if (found is null && !others.Contains(need) && counts(run))
                {
                    found = run;
                }
            }

            if (found is null || before > Soon)
            {
                return null;
            }

            foreseen[worker] = Need.Of(found);
            return found;
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
        Need? ahead = foreseen.TryGetValue(worker, out Need next) ? next : null;
        HashSet<Need> others = OfOthers(worker);
        LinkedListNode<(CaseRun Run, int Repetition)>? prepared = null;
        LinkedListNode<(CaseRun Run, int Repetition)>? free = null;
        for (LinkedListNode<(CaseRun Run, int Repetition)>? node = left.First; node is not null; node = node.Next)
        {
            Need need = Need.Of(node.Value.Run);
            if (need == own)
            {
                return node;
            }

            prepared ??= need == ahead ? node : null;
            free ??= others.Contains(need) ? null : node;
        }

        return prepared ?? free ?? left.First;
    }

    /// <summary>What other workers have, or get ready.</summary>
    private HashSet<Need> OfOthers(int worker) => [.. held.Concat(foreseen).Where(h => h.Key != worker).Select(h => h.Value)];

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
