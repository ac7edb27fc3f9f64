using System.Reflection;
using Vsockspec.Targets;

namespace Vsockspec.Cases;

/// <summary>One case of the catalogue.</summary>
public sealed record CaseInfo(CaseAttribute Attribute, string Area, string Name, CaseScript Script)
{
    /// <summary>The side that the case judges.</summary>
    public TargetRole Role => Script is CaseScript.OfDriver ? TargetRole.Driver : TargetRole.Device;

    /// <summary>Of a case about a driver: what its device offers.</summary>
    internal OfferAttribute Offer { get; init; } = OfferAttribute.Usual;

    /// <summary>Of a case about a driver: it asks itself whether the driver has taken the device.</summary>
    internal bool MayBeRefused => Offer.MayBeRefused;

    public string Id => Attribute.Id;

    public string Title => Attribute.Title;

    public IReadOnlyList<string> Requirements => Attribute.Requirements;

    /// <summary>The one transport that the case is about; null: any.</summary>
    public string? Transport { get; init; }

    /// <summary>The case scripts sockets in a guest that runs on the target, and plays no driver itself.</summary>
    public bool NeedsGuest { get; init; }

    /// <summary>True when the question can be put to a device behind the transport.</summary>
    public bool IsAbout(string transport) => Role == TargetRole.Device && (Transport is null || Transport == transport);

    /// <summary>True when the question can be put to such a target.</summary>
    public bool IsAbout(TargetRole role, string transport) => role == TargetRole.Driver ? Role == TargetRole.Driver : IsAbout(transport);

    public IReadOnlyList<Variant> Variants => Variant.Of(Attribute.Vary);
}

/// <summary>A case under one variant: the unit that is selected, run and reported.</summary>
public sealed record CaseRun(CaseInfo Case, Variant Variant)
{
    /// <summary>Which side is the client, of a case of an adopted suite: <c>guest-client</c>; null for our own cases.</summary>
    public string? Direction { get; init; }

    /// <summary>Empty for a case that does not vary.</summary>
    public string VariantName => Direction ?? (Case.Attribute.Vary == Vary.Nothing ? "" : Variant.Name);

    public string FullName => VariantName.Length == 0 ? Case.Id : $"{Case.Id}[{VariantName}]";
}

/// <summary>All cases of an assembly.</summary>
public sealed class Catalogue
{
    private readonly Dictionary<string, CaseInfo> _byId;

    private Catalogue(IReadOnlyList<CaseInfo> cases)
    {
        Cases = cases;
        _byId = cases.ToDictionary(c => c.Id, StringComparer.Ordinal);
    }

    /// <summary>In order of id.</summary>
    public IReadOnlyList<CaseInfo> Cases { get; }

    /// <summary>Every case under every variant, in order of id, cases that need a process of their own last.</summary>
    public IEnumerable<CaseRun> Runs =>
        Cases.OrderBy(c => c.Attribute.Isolation).SelectMany(c => c.Variants.Select(v => new CaseRun(c, v)));

    /// <summary>Those of <see cref="Runs"/> that can be put over the transport and need no guest.</summary>
    public IEnumerable<CaseRun> RunsOver(string transport) => Runs.Where(run => run.Case.IsAbout(transport) && !run.Case.NeedsGuest);

    /// <summary>Those of <see cref="Runs"/> that are about a driver.</summary>
    public IEnumerable<CaseRun> RunsOnDrivers => Runs.Where(run => run.Case.Role == TargetRole.Driver);

    /// <summary>Null when there is no case of that id.</summary>
    public CaseInfo? Find(string id) => _byId.GetValueOrDefault(id);

    /// <exception cref="InvalidOperationException">An id occurs twice or a case method has the wrong shape.</exception>
    public static Catalogue Of(Assembly assembly)
    {
        List<CaseInfo> cases = [];
        foreach (Type type in assembly.GetTypes())
        {
            foreach (MethodInfo method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                if (method.GetCustomAttribute<CaseAttribute>() is { } attribute)
                {
                    AreaAttribute area = type.GetCustomAttribute<AreaAttribute>()
                        ?? throw new InvalidOperationException($"{type.FullName} has cases but no [Area]");
                    cases.Add(new CaseInfo(attribute, area.Name, $"{type.Name}.{method.Name}", ScriptOf(method))
                    {
                        Transport = area.Transport,
                        NeedsGuest = area.NeedsGuest,
                        Offer = method.GetCustomAttribute<OfferAttribute>() ?? OfferAttribute.Usual,
                    });
                }
            }
        }

        cases.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        for (int i = 1; i < cases.Count; i++)
        {
            if (cases[i].Id == cases[i - 1].Id)
            {
                throw new InvalidOperationException($"case id {cases[i].Id} is used by {cases[i - 1].Name} and {cases[i].Name}");
            }
        }

        return new Catalogue(cases);
    }

    private static CaseScript ScriptOf(MethodInfo method) =>
        method.GetParameters() is [{ ParameterType: Type type }] && type == typeof(DriverContext)
            ? method.CreateDelegate<Action<DriverContext>>()
            : method.CreateDelegate<Action<CaseContext>>();
}
