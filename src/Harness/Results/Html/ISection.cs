namespace Vsockspec.Results.Html;

/// <summary>A part of the report with a heading and a place in its table of contents.</summary>
internal interface ISection
{
    /// <summary>Unique in the report; its anchor.</summary>
    string Id { get; }

    string Title { get; }

    /// <summary>There is nothing to say: the section is left out.</summary>
    bool IsEmpty => false;

    /// <summary>The content below the heading.</summary>
    void Write(HtmlWriter html);
}
