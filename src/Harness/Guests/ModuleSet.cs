using Vsockspec.Targets;

namespace Vsockspec.Guests;

/// <summary>The modules of a kernel and what each needs before it: <c>modules.dep</c> and <c>modules.builtin</c>, see modules.dep(5).</summary>
public sealed class ModuleSet
{
    private const long MaxBytes = 32 << 20;

    private readonly GuestKernel _kernel;
    private readonly Dictionary<string, Entry> _modules = new(StringComparer.Ordinal);
    private readonly HashSet<string> _builtIn = new(StringComparer.Ordinal);

    private ModuleSet(GuestKernel kernel) => _kernel = kernel;

    /// <param name="Needs">Names, in the order of the file: what is needed first comes last.</param>
    private sealed record Entry(KernelModule Module, string[] Needs);

    /// <summary>Reads what the kernel came with. A kernel without modules counts as one that has everything built in.</summary>
    /// <exception cref="KernelException">The lists of modules are missing or damaged.</exception>
    public static ModuleSet Of(GuestKernel kernel)
    {
        ModuleSet set = new(kernel);
        if (kernel.ModulesFolder is { } folder)
        {
            set.ReadDependencies(Path.Combine(folder, "modules.dep"));
            string builtIn = Path.Combine(folder, "modules.builtin");
            if (File.Exists(builtIn))
            {
                set._builtIn.UnionWith(ReadLines(builtIn, "install the kernel's package again").Select(NameOf));
            }
        }

        return set;
    }

    /// <summary>
    /// What has to be loaded so that these modules are, in the order to load it: dependencies first, nothing twice, what is built in left
    /// out.
    /// </summary>
    /// <param name="names">Names; a hyphen is the same as an underscore.</param>
    /// <exception cref="KernelException">The kernel has no such module, neither built in nor to load.</exception>
    public IReadOnlyList<KernelModule> LoadOrder(IEnumerable<string> names)
    {
        List<KernelModule> order = [];
        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (string name in names)
        {
            Add(Normal(name), order, seen);
        }

        return order;
    }

    private void Add(string name, List<KernelModule> order, HashSet<string> seen)
    {
        if (_kernel.ModulesFolder is null || _builtIn.Contains(name) || !seen.Add(name))
        {
            return;
        }

        if (!_modules.TryGetValue(name, out Entry? entry))
        {
            throw KernelException.OfInput(
                $"kernel {_kernel.Name} ({_kernel.Release}) has no module '{name}'{Suggestion.For(name, _modules.Keys)}, neither built in nor in "
                + $"{_kernel.ModulesFolder}; choose another kernel");
        }

        // Every line names all dependencies, also the indirect ones, so this does not nest deeper than two.
        foreach (string need in entry.Needs.Reverse())
        {
            Add(need, order, seen);
        }

        order.Add(entry.Module);
    }

    private void ReadDependencies(string file)
    {
        string folder = _kernel.ModulesFolder!;
        string root = Path.GetFullPath(Path.Combine(folder, "..", "..", ".."));
        string remedy = $"make it: depmod -b {root} {_kernel.Release}";
        if (!File.Exists(file))
        {
            throw KernelException.OfInput($"{file}: no such file; {remedy}");
        }

        int number = 0;
        foreach (string line in ReadLines(file, remedy))
        {
            number++;
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            string path = colon < 0 ? "" : line[..colon];
            if (path.Length == 0 || path[0] == '/' || path.Split('/').Contains(".."))
            {
                throw KernelException.OfInput($"{file}:{number}: is not 'module: dependencies' with a path below this folder; {remedy}");
            }

            string name = NameOf(path);
            _modules[name] = new Entry(
                new KernelModule(name, Path.Combine(folder, path)),
                [.. line[(colon + 1)..].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(NameOf)]);
        }
    }

    private static IEnumerable<string> ReadLines(string file, string remedy)
    {
        try
        {
            return new FileInfo(file).Length <= MaxBytes
                ? File.ReadAllLines(file).Where(l => l.Length > 0)
                : throw KernelException.OfInput($"{file}: is larger than {MaxBytes} bytes; {remedy}");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw KernelException.OfInput($"{file}: {e.Message}; {remedy}", e);
        }
    }

    /// <summary><c>kernel/net/a-b.ko.xz</c> is the module <c>a_b</c>.</summary>
    private static string NameOf(string path)
    {
        string name = Path.GetFileName(path);
        int end = name.IndexOf(".ko", StringComparison.Ordinal);
        return Normal(end < 0 ? name : name[..end]);
    }

    private static string Normal(string name) => name.Replace('-', '_');
}
