using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>What a <see cref="GuestTap"/> tells beside what happens on the rings. Called on the tap's thread; must not block.</summary>
public interface IGuestTapObserver
{
    /// <summary>The device begins to serve a driver. Until the next call everything on the rings goes to the observer that is returned.</summary>
    /// <param name="features">The features that the driver accepted, the transport's own left out.</param>
    /// <param name="resumes">The device was not reset before: it may go on with flows that the observer of before has seen.</param>
    IRingObserver SessionBegan(VirtioFeatures features, bool resumes);

    /// <summary>
    /// The driver broke a rule of the rings. The device is not concerned: what cannot be followed is not passed on to it.
    /// </summary>
    /// <param name="requirement">Id in the register.</param>
    void DriverErred(string requirement, int queue, string detail);
}
