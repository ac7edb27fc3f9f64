using Vsockspec.Rings;
using Vsockspec.Wire;

namespace Vsockspec.Peers;

/// <summary>
/// What the side that serves a driver which is not ours, a <see cref="GuestTap"/> or a <see cref="ScriptedDevice"/>, tells beside what happens on the rings. Must not
/// block; a tap calls on its own thread.
/// </summary>
public interface IDriverObserver
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
