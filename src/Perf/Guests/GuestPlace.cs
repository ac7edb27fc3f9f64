using Vsockspec.Guests;
using Vsockspec.Peers;
using Vsockspec.Perf.Measuring;
using Vsockspec.Targets;

namespace Vsockspec.Perf.Guests;

/// <summary>
/// The guest that carries workloads. It boots on the target that the first of them is given, serves one after the other, and is replaced when it was lost or another target comes. Disposing
/// ends it.
/// </summary>
/// <param name="source">Boots guests.</param>
/// <param name="name">Of such guests, in the names of figures: <c>uml</c>.</param>
/// <param name="hasVsockPerf">The guests have vsock_perf at <see cref="VsockPerfWords.Place"/>.</param>
/// <param name="progress">Is told in a line which guest has booted.</param>
public sealed class GuestPlace(IGuestSource source, string name, bool hasVsockPerf, Action<string> progress) : IDisposable
{
    /// <summary>Guests that may be lost, or not boot, until no more are tried.</summary>
    private const int MostLost = 2;

    private ITargetInstance? target;
    private Guest? guest;
    private int lost;

    /// <summary>Of such guests, in the names of figures.</summary>
    public string Name => name;

    public bool HasVsockPerf => hasVsockPerf;

    /// <summary>The kernel and the machine of the guest that has served, for the report; null before the first boot.</summary>
    public string? Description { get; private set; }

    /// <summary>Of the guest that is up; null: none is.</summary>
    internal int? ProcessId => guest?.ProcessId;

    /// <summary>Lets a workload talk to the guest; afterwards the guest is as before.</summary>
    /// <exception cref="PerfException">The target did not carry it.</exception>
    /// <exception cref="GuestException">There is no guest, or it was lost though the target lives: nothing is known of the target.</exception>
    internal T Carry<T>(Bench bench, Func<GuestExchange, T> work)
    {
        Guest served = Ready(bench);
        try
        {
            using GuestExchange exchange = new(served.Agent, bench);
            return work(exchange);
        }
        catch (Exception e) when (e is GuestException or GuestCallException or ExpectationException)
        {
            throw Explain(e, bench.Target);
        }
        finally
        {
            if (!IsReset(served))
            {
                lost++;
                EndGuest();
            }
        }
    }

    /// <inheritdoc cref="Carry{T}"/>
    internal void Carry(Bench bench, Action<GuestExchange> work) => Carry(bench, exchange =>
    {
        work(exchange);
        return true;
    });

    /// <summary>Ends the guest, which has the target's device: somebody else wants it. The next workload from a guest boots another.</summary>
    public void Leave() => EndGuest();

    public void Dispose() => EndGuest();

    private Guest Ready(Bench bench)
    {
        if (bench.Target.HasExited)
        {
            throw new PerfException(GuestExchange.TargetEnded);
        }

        if (guest is { HasExited: false } && ReferenceEquals(target, bench.Target))
        {
            return guest;
        }

        EndGuest();
        if (lost > MostLost)
        {
            throw new GuestException($"{lost} guests were lost or did not boot, and no further one is tried");
        }

        target = bench.Target;
        try
        {
            guest = source.Boot(GuestVsock.Of(bench.Target), bench.Cancellation);
        }
        catch (GuestException)
        {
            lost++;
            throw;
        }

        Description = $"Linux {guest.Hello.Release} on {guest.Machine}";
        progress(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{Description}, agent ready after {guest.ReadyAfter.TotalSeconds:0.00} s"));
        foreach (string problem in guest.Hello.Problems)
        {
            progress(problem);
        }

        return guest;
    }

    /// <summary>A guest that was lost with its target, or a call that did not end, is the target's; one that was lost alone is not.</summary>
    private static Exception Explain(Exception problem, ITargetInstance target) =>
        target.HasExited ? new PerfException(GuestExchange.TargetEnded)
        : problem is GuestException and not GuestTimeoutException ? problem
        : new PerfException(problem.Message);

    private static bool IsReset(Guest guest)
    {
        try
        {
            return guest.Agent.Reset().GetAwaiter().GetResult().Succeeded;
        }
        catch (GuestException)
        {
            return false;
        }
    }

    private void EndGuest()
    {
        guest?.Dispose();
        guest = null;
        target = null;
    }
}
