using Vsockspec.Peers;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>
/// The cases that are still to be run, and who takes which: a worker goes on with cases for the device that it has, then takes up a device that no other worker has,
/// because each other device costs the boot of a guest; cases about devices likewise, with and without a guest. A device that was got ready meanwhile comes in between.
/// Otherwise cases are taken in their order. Safe to use from several threads.
/// </summary>
internal sealed class WorkList(IEnumerable<(CaseRun Run, int Repetition)> plan)
{
    private readonly Lock gate = new();
    private readonly LinkedList<(CaseRun Run, int Repetition)> left = new(plan);
    private readonly Dictionary<int, Need> held = [];
    private readonly Dictionary<int, Need> parked = [];
    private readonly Dictionary<int, Need> foreseen = [];

    /// <summary>The next case for a worker; false when there is none.</summary>
    /// <param name="worker">Its number.</param>
    /// <param name="isReady">What <see cref="Foresee"/> told is ready: its cases come now, and those for the device that the worker has go on later.</param>
    public bool TryTake(int worker, out (CaseRun Run, int Repetition) next, bool isReady = false)
    {
        lock (gate)
        {
            LinkedListNode<(CaseRun Run, int Repetition)>? node = Choose(worker, isReady);
            if (node is null)
            {
                next = default;
                return false;
            }

            left.Remove(node);
            Move(worker, Need.Of(node.Value.Run));
            next = node.Value;
            return true;
        }
    }

    /// <summary>Cases are left for the device that the worker had before the present one, which was got ready meanwhile.</summary>
    public bool WillReturn(int worker)
    {
        lock (gate)
        {
            return parked.ContainsKey(worker);
        }
    }

    /// <summary>The first case for which the worker, which has just taken one, will need another device; other workers leave those like it alone while they can. Null: none.</summary>
    /// <param name="counts">False for a case that needs nothing.</param>
    public CaseRun? Foresee(int worker, Predicate<CaseRun> counts)
    {
        lock (gate)
        {
            Need own = held.GetValueOrDefault(worker);
            HashSet<Need> taken = OfOthers(worker);
            if (parked.TryGetValue(worker, out Need home))
            {
                taken.Add(home);
            }

            foreach ((CaseRun run, _) in left)
            {
                Need need = Need.Of(run);
                if ((need != own || own.Alone) && !taken.Contains(need) && counts(run))
                {
                    foreseen[worker] = need;
                    return run;
                }
            }

            foreseen.Remove(worker);
            return null;
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

    private LinkedListNode<(CaseRun Run, int Repetition)>? Choose(int worker, bool isReady)
    {
        HashSet<Need> others = OfOthers(worker);
        LinkedListNode<(CaseRun Run, int Repetition)>? ready = isReady ? First(foreseen, worker) : null;

        // Of two devices only one is kept: cases for the one that came in between are not left half done.
        return (parked.ContainsKey(worker) ? null : ready)
            ?? First(held, worker)
            ?? ready
            ?? First(parked, worker)
            ?? First(foreseen, worker)
            ?? First(need => !others.Contains(need))
            ?? left.First;
    }

    /// <summary>Takes note that a worker's device is now this one.</summary>
    private void Move(int worker, Need need)
    {
        bool leaves = held.TryGetValue(worker, out Need before) && before != need && !before.Alone;
        if (leaves && !parked.ContainsKey(worker) && First(held, worker) is not null)
        {
            parked[worker] = before;
        }
        else if (parked.TryGetValue(worker, out Need home) && (home == need || First(parked, worker) is null))
        {
            parked.Remove(worker);
        }

        held[worker] = need;
        if (foreseen.TryGetValue(worker, out Need ahead) && ahead == need)
        {
            foreseen.Remove(worker);
        }
    }

    private LinkedListNode<(CaseRun Run, int Repetition)>? First(Dictionary<int, Need> needs, int worker) =>
        needs.TryGetValue(worker, out Need wanted) ? First(need => need == wanted) : null;

    private LinkedListNode<(CaseRun Run, int Repetition)>? First(Predicate<Need> fits)
    {
        LinkedListNode<(CaseRun Run, int Repetition)>? node = left.First;
        while (node is not null && !fits(Need.Of(node.Value.Run)))
        {
            node = node.Next;
        }

        return node;
    }

    /// <summary>What other workers have, or get ready.</summary>
    private HashSet<Need> OfOthers(int worker) => [.. held.Concat(parked).Concat(foreseen).Where(h => h.Key != worker).Select(h => h.Value)];

    /// <summary>What a worker has to have for a case.</summary>
    /// <param name="Setup">The scripted device; null for a case about a device, which takes whatever instance there is.</param>
    /// <param name="Alone">It is a guest for this case only, so those who need one have nothing in common.</param>
    /// <param name="Guest">The case is about a device and needs a guest on it.</param>
    private readonly record struct Need(DeviceSetup? Setup, bool Alone, bool Guest)
    {
        public static Need Of(CaseRun run) => run.Case.Role == TargetRole.Driver
            ? new Need(run.Case.Offer.Setup(run.Variant, 0), run.Case.Attribute.Isolation == Isolation.Process, Guest: false)
            : new Need(null, Alone: false, run.Case.NeedsGuest);
    }
}
