using System.Text;
using System.Text.RegularExpressions;
using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>
/// Finds reports in a stream of kernel messages, one line at a time: where they begin is told by their first words, where they end by an end
/// mark, by the beginning of the next or by being asked. Bounded whatever the kernel says. Not thread-safe.
/// </summary>
internal sealed partial class KernelReportReader
{
    private const int MaxLines = 200;
    private const int MaxLineLength = 1000;
    private const int MaxTextLength = 16 << 10;
    private const int MaxReports = 20;
    private const string CutHere = "------------[ cut here ]------------";

    /// <summary>In this order: the first that fits decides.</summary>
    private static readonly (Regex Pattern, KernelReportKind Kind)[] Headlines =
    [
        (LockdepLine(), KernelReportKind.Lockdep),
        (SanitizerLine(), KernelReportKind.Sanitizer),
        (StallLine(), KernelReportKind.Stall),
        (HungTaskLine(), KernelReportKind.HungTask),
        (BugLine(), KernelReportKind.Bug),
        (WarningLine(), KernelReportKind.Warning),
    ];

    private readonly List<KernelReport> _reports = [];
    private readonly StringBuilder _text = new();
    private int _lines;
    private KernelReportKind? _kind;
    private string _headline = "";
    private bool _cut;

    /// <summary>True in the middle of a report whose end mark has not come.</summary>
    public bool IsOpen => _cut || _kind is not null;

    /// <param name="line">A message without its header.</param>
    public void Add(string line)
    {
        line = Printable.Clean(line.Length > MaxLineLength ? line[..MaxLineLength] + "…" : line).TrimEnd();
        if (line.StartsWith(CutHere, StringComparison.Ordinal))
        {
            Close();
            _cut = true;
            Keep(line);
            return;
        }

        // An Oops has several lines that would begin a report of their own; only what cannot belong to the open one does.
        if (KindOf(line) is { } kind && (_kind is null || kind != _kind))
        {
            if (_kind is not null)
            {
                Close();
            }

            _cut = false;
            _kind = kind;
            _headline = line;
        }

        if (IsOpen)
        {
            Keep(line);
            if (EndLine().IsMatch(line) || _lines >= MaxLines)
            {
                Close();
            }
        }
    }

    /// <summary>All reports since the last call; one that has no end mark ends here.</summary>
    public IReadOnlyList<KernelReport> Take()
    {
        Close();
        KernelReport[] all = [.. _reports];
        _reports.Clear();
        return all;
    }

    private static KernelReportKind? KindOf(string line)
    {
        foreach ((Regex pattern, KernelReportKind kind) in Headlines)
        {
            if (pattern.IsMatch(line))
            {
                return kind;
            }
        }

        return null;
    }

    private void Keep(string line)
    {
        if (_text.Length + line.Length < MaxTextLength)
        {
            _text.Append(line).Append('\n');
            _lines++;
        }
    }

    private void Close()
    {
        if (_kind is { } kind && _reports.Count < MaxReports)
        {
            _reports.Add(new KernelReport(kind, _headline, _text.ToString().TrimEnd()));
        }

        _kind = null;
        _cut = false;
        _headline = "";
        _text.Clear();
        _lines = 0;
    }

    // kernel/locking/lockdep.c, kernel/rcu/update.c
    [GeneratedRegex(@"^(?:WARNING|INFO): (?:possible (?:circular locking|recursive locking|irq lock inversion|deadlock)|inconsistent lock state|bad unlock balance|suspicious RCU usage|(?:SOFT|HARD)IRQ-|Nested lock was not taken|held lock freed|lock held when returning|nested lock)|^\[ BUG: Invalid wait context|^BUG: Invalid wait context", RegexOptions.CultureInvariant)]
    private static partial Regex LockdepLine();

    // mm/kasan/report.c, mm/kfence/report.c, lib/ubsan.c, kernel/kcsan/report.c
    [GeneratedRegex(@"^(?:BUG: (?:KASAN|KFENCE|KCSAN|KMSAN)|UBSAN): ", RegexOptions.CultureInvariant)]
    private static partial Regex SanitizerLine();

    // kernel/watchdog.c, kernel/rcu/tree_stall.h, kernel/workqueue.c
    [GeneratedRegex(@"^(?:watchdog: )?BUG: (?:soft lockup|workqueue lockup)|^rcu: INFO: |^INFO: rcu_|^NMI watchdog: |^watchdog: Watchdog detected hard LOCKUP", RegexOptions.CultureInvariant)]
    private static partial Regex StallLine();

    // kernel/hung_task.c
    [GeneratedRegex(@"^INFO: task .{1,80} blocked (?:in I/O wait )?for more than \d+ seconds", RegexOptions.CultureInvariant)]
    private static partial Regex HungTaskLine();

    [GeneratedRegex(@"^(?:BUG: |kernel BUG at |Oops: |Oops\b|general protection fault|Unable to handle kernel|invalid opcode: |divide error: |stack segment: |double fault: |page allocation failure|Kernel panic - not syncing|list_(?:add|del) corruption)", RegexOptions.CultureInvariant)]
    private static partial Regex BugLine();

    [GeneratedRegex(@"^WARNING: ", RegexOptions.CultureInvariant)]
    private static partial Regex WarningLine();

    [GeneratedRegex(@"^(?:---\[ end (?:trace|Kernel panic)|={20,}$)", RegexOptions.CultureInvariant)]
    private static partial Regex EndLine();
}
