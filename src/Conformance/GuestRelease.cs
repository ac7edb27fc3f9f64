using Vsockspec.Cases;

namespace Vsockspec.Conformance;

/// <summary>Which Linux the guest runs: what its sockets can depends on it, and is no matter of the device.</summary>
internal static class GuestRelease
{
    public static bool IsAtLeast(CaseContext c, int major, int minor)
    {
        string release = c.Await(c.Agent.Hello).Release;
        string[] numbers = release.Split('.', '-');
        return numbers.Length > 1
            && int.TryParse(numbers[0], out int ownMajor)
            && int.TryParse(numbers[1], out int ownMinor)
            && (ownMajor, ownMinor).CompareTo((major, minor)) >= 0;
    }

    /// <summary>Ends the case in a guest whose Linux is older.</summary>
    public static void Need(CaseContext c, int major, int minor, string what)
    {
        if (!IsAtLeast(c, major, minor))
        {
            CaseContext.NotApplicable($"{what} needs Linux {major}.{minor} in the guest, which runs {c.Await(c.Agent.Hello).Release}");
        }
    }
}
