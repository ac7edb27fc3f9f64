using Vsockspec.Results.Html;

namespace Vsockspec.Perf.Reports.Sections;

/// <summary>The words that the page uses, for somebody who meets vsock for the first time.</summary>
internal sealed class WordsSection : ISection
{
    private static readonly (string Word, string Meaning)[] Words =
    [
        ("vsock", "Sockets between a virtual machine and the machine that runs it, without a network."),
        ("guest", "The virtual machine."),
        ("host", "The machine that runs the guest, and the programs on it that guests talk to."),
        ("device", "The host's side of vsock: part of a hypervisor, a process of its own or a kernel. It carries data between the guest's rings and the host's programs."),
        ("driver", "The guest's side of vsock. Here the measuring program takes its place, on the rings themselves: there is no virtual machine between."),
        ("target", "What is measured."),
        ("workload", "Something that the target is made to carry, such as a stream of messages of one size in one direction."),
        ("figure", "One number of a run, such as the throughput of one workload. Its name is permanent."),
        ("stream", "A connection that carries bytes, as TCP does. A seqpacket connection keeps messages apart."),
        ("flow", "One connection."),
        ("window", "How many bytes a receiver lets be under way before it has read them."),
        ("queue", "How many buffers a ring has room for."),
        ("event index", "A way to ask for a notification only when a certain place in a ring is reached."),
        ("kick", "The driver tells the device that there is something in a ring."),
        ("call", "The device tells the driver: an interrupt."),
        ("credit", "Each side tells how much it can still take (credit updates); the other sends no more than that."),
        ("p50, p99", "Percentiles: half of all were as fast as p50 or faster, all but one in a hundred as fast as p99 or faster."),
        ("closed loop", "The next message is sent when the answer to the last is there. It tells how fast an idle target answers."),
        ("open loop", "Messages are due at a fixed rate, whether answers are there or not, and are timed from when they were due."),
        ("socketpair", "Two ends of a plain Unix socket within one machine: what sockets cost without vsock."),
        ("relay", "The same hops as through a vsock device, with nothing done at them."),
        ("ratio", "The target beside the machine's own limit, measured in turn: 1 is as good, less is worse."),
        ("load generator", "Our side of the measurement. Where it is the limit, the target may be faster than the figure says."),
        ("repeats", "How often a figure was measured in the run. The middle one is shown, the range goes from the lowest to the highest."),
        ("interval", "The range in which the true ratio of two targets lies, but for the error rate that is named."),
        ("tolerance", "How much of a change does not matter."),
        ("step", "A change of a figure's level that stayed, found in its history by a test of Student's kind (after Hunter), and confirmed when a second, quite different detector (ED-PELT) sees it too."),
    ];

    public string Id => "words";

    public string Title => "Words";

    public void Write(HtmlWriter html)
    {
        using (html.Open(Tag.Dl, Attr.Class("facts words")))
        {
            foreach ((string word, string meaning) in Words)
            {
                html.Element(Tag.Dt, word, Attr.Id(Anchor.OfWord(word).Name));
                html.Element(Tag.Dd, meaning);
            }
        }
    }
}
