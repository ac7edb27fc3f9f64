using System.Formats.Tar;
using System.Text;
using Docker.DotNet;
using Docker.DotNet.Models;

namespace Vsockspec.Cli.Tests.Containers;

/// <summary>Builds images from a description and files of this machine; nothing is pulled.</summary>
internal sealed class ImageBuilder : IDisposable
{
    private const string DescriptionName = "Containerfile";
    private readonly IDockerClient _client;
    private readonly MemoryStream _context = new();
    private readonly TarWriter _tar;
    private readonly HashSet<string> _names = new(StringComparer.Ordinal);

    public ImageBuilder(IDockerClient client)
    {
        _client = client;
        _tar = new TarWriter(_context, leaveOpen: true);
    }

    /// <summary>A file as it is here, with its mode; links are followed.</summary>
    public ImageBuilder Add(string name, string file)
    {
        using FileStream content = File.OpenRead(file);
        return Add(new PaxTarEntry(TarEntryType.RegularFile, name) { DataStream = content, Mode = File.GetUnixFileMode(file) });
    }

    public ImageBuilder AddLink(string name, string target) => Add(new PaxTarEntry(TarEntryType.SymbolicLink, name) { LinkName = target });

    /// <summary>All files of a folder that are wanted.</summary>
    public ImageBuilder AddFolder(string name, string folder, Predicate<string>? isWanted = null)
    {
        foreach (string file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Where(file => isWanted is null || isWanted(file)))
        {
            Add($"{name}/{Path.GetRelativePath(folder, file)}", file);
        }

        return this;
    }

    /// <summary>Builds from what was added; once.</summary>
    public void Build(string tag, string description, params (string Name, string Value)[] arguments)
    {
        using MemoryStream text = new(Encoding.UTF8.GetBytes(description));
        Add(new PaxTarEntry(TarEntryType.RegularFile, DescriptionName) { DataStream = text });
        _tar.Dispose();
        _context.Position = 0;
        List<string> errors = [];
        ImageBuildParameters parameters = new() { Tags = [tag], Dockerfile = DescriptionName, BuildArgs = arguments.ToDictionary(a => a.Name, a => a.Value) };
        _client.Images.BuildImageFromDockerfileAsync(parameters, _context, null, null, new Errors(errors)).GetAwaiter().GetResult();
        if (errors.Count > 0)
        {
            throw new InvalidOperationException($"the image {tag} is not built: {string.Join("; ", errors)}");
        }
    }

    public void Dispose()
    {
        _tar.Dispose();
        _context.Dispose();
    }

    private ImageBuilder Add(TarEntry entry)
    {
        if (_names.Add(entry.Name))
        {
            _tar.WriteEntry(entry);
        }

        return this;
    }

    private sealed class Errors(List<string> errors) : IProgress<JSONMessage>
    {
        public void Report(JSONMessage value)
        {
            if (value.Error is { } error)
            {
                errors.Add(error.Message ?? "without a word");
            }
        }
    }
}
