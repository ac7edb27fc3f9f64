namespace Vsockspec.Targets;

/// <summary>Where the data of the suite (register, profiles, targets) is.</summary>
public static class SuiteData
{
    /// <summary><c>suites</c> beside the program, where the build puts it.</summary>
    public static string Folder => Path.Combine(AppContext.BaseDirectory, "suites");
}
