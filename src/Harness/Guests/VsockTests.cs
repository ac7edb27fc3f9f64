namespace Vsockspec.Guests;

/// <summary>The kernel's own vsock tests (tools/testing/vsock), built.</summary>
/// <param name="Package">The Debian package of the source.</param>
/// <param name="SourceSha256">Over the names and contents of the files that they were built from.</param>
/// <param name="Programs">Paths by name; they need no libraries.</param>
/// <param name="Missing">Why a program could not be built, by name.</param>
public sealed record VsockTests(
    string Package,
    string PackageVersion,
    string PackageSha256,
    string SourceSha256,
    IReadOnlyDictionary<string, string> Programs,
    IReadOnlyDictionary<string, string> Missing)
{
    /// <summary>The tests of the sockets.</summary>
    public const string Test = "vsock_test";

    /// <summary>Those of the netlink interface that lists sockets.</summary>
    public const string Diag = "vsock_diag_test";

    /// <summary>Those of io_uring.</summary>
    public const string Uring = "vsock_uring_test";

    /// <summary>The measurement.</summary>
    public const string Perf = "vsock_perf";

    /// <summary>All of them.</summary>
    public static IReadOnlyList<string> Names { get; } = [Test, Diag, Uring, Perf];
}
