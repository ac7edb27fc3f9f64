namespace Vsockspec.Peers;

/// <summary>The target did something other than what every legal device would have done.</summary>
/// <param name="code">Stable name of the way it failed, <c>no-rst</c>: matched by expectations files, so it never changes.</param>
/// <param name="expected">Every legal outcome, in words.</param>
/// <param name="observed">What happened, in words.</param>
public sealed class ExpectationException(string code, string expected, string observed) : Exception($"{code}: expected {expected}; observed {observed}")
{
    public string Code { get; } = code;

    public string Expected { get; } = expected;

    public string Observed { get; } = observed;
}
