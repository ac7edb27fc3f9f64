using System.Globalization;

namespace Vsockspec.Targets;

/// <summary>A process of this machine that somebody else started, told from a later one with the same number.</summary>
internal sealed class HostProcess
{
    // proc(5): "number (name) state ...", the start time is field 22; the name may have blanks and brackets.
    private const int StartTimeAfterName = 19;
    private readonly string _startTime;

    private HostProcess(int id, string startTime)
    {
        Id = id;
        _startTime = startTime;
    }

    public int Id { get; }

    /// <summary>It has ended, though its parent may not have noticed yet.</summary>
    public bool IsGone => Look(Id) is not { } now || now.StartTime != _startTime || now.State is 'Z' or 'X';

    /// <summary>Whether we may look into it (its open descriptors).</summary>
    public bool IsOpenToUs
    {
        get
        {
            try
            {
                _ = Directory.GetFileSystemEntries($"/proc/{Id}/fd");
                return true;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Null when there is no such process that we could see. An engine in another process namespace counts otherwise, so the control group has to name the container.
    /// </summary>
    /// <param name="container">Id of the container that it is in.</param>
    public static HostProcess? InContainer(string container, long id) =>
        id is > 0 and <= int.MaxValue && Look((int)id) is { } now && IsIn(container, (int)id) ? new HostProcess((int)id, now.StartTime) : null;

    private static bool IsIn(string container, int id)
    {
        try
        {
            return File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/cgroup")).Contains(container, StringComparison.Ordinal);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private static (char State, string StartTime)? Look(int id)
    {
        try
        {
            string stat = File.ReadAllText(string.Create(CultureInfo.InvariantCulture, $"/proc/{id}/stat"));
            string[] fields = stat[(stat.LastIndexOf(')') + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
            return fields.Length > StartTimeAfterName ? (fields[0][0], fields[StartTimeAfterName]) : null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
