namespace Vsockspec.Guests;

/// <summary>Where a user's guests have what took time to make.</summary>
public static class GuestCache
{
    /// <summary>The folder of agents that were compiled, beside that of kernels.</summary>
    /// <exception cref="KernelException">There is no home folder.</exception>
    public static string Agents() => Path.Combine(Path.GetDirectoryName(KernelStore.OfThisUser().Root)!, "agents");
}
