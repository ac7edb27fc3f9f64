namespace Vsockspec.Results.Html;

/// <summary>An element's name. Only those that the report uses exist.</summary>
internal sealed class Tag
{
    public static readonly Tag Html = new("html");
    public static readonly Tag Head = new("head");
    public static readonly Tag Meta = new("meta", isVoid: true);
    public static readonly Tag Title = new("title");
    public static readonly Tag Style = new("style");
    public static readonly Tag Script = new("script");
    public static readonly Tag Body = new("body");
    public static readonly Tag Header = new("header");
    public static readonly Tag Main = new("main");
    public static readonly Tag Nav = new("nav");
    public static readonly Tag Footer = new("footer");
    public static readonly Tag Section = new("section");
    public static readonly Tag Article = new("article");
    public static readonly Tag H1 = new("h1");
    public static readonly Tag H2 = new("h2");
    public static readonly Tag H3 = new("h3");
    public static readonly Tag H4 = new("h4");
    public static readonly Tag P = new("p");
    public static readonly Tag Div = new("div");
    public static readonly Tag Span = new("span");
    public static readonly Tag Strong = new("strong");
    public static readonly Tag A = new("a");
    public static readonly Tag Ul = new("ul");
    public static readonly Tag Li = new("li");
    public static readonly Tag Dl = new("dl");
    public static readonly Tag Dt = new("dt");
    public static readonly Tag Dd = new("dd");
    public static readonly Tag Table = new("table");
    public static readonly Tag Caption = new("caption");
    public static readonly Tag Thead = new("thead");
    public static readonly Tag Tbody = new("tbody");
    public static readonly Tag Tr = new("tr");
    public static readonly Tag Th = new("th");
    public static readonly Tag Td = new("td");
    public static readonly Tag Details = new("details");
    public static readonly Tag Summary = new("summary");
    public static readonly Tag Code = new("code");
    public static readonly Tag Pre = new("pre");
    public static readonly Tag Label = new("label");
    public static readonly Tag Input = new("input", isVoid: true);
    public static readonly Tag Select = new("select");
    public static readonly Tag Option = new("option");
    public static readonly Tag Output = new("output");
    public static readonly Tag Svg = new("svg");
    public static readonly Tag Symbol = new("symbol");
    public static readonly Tag Path = new("path");
    public static readonly Tag Rect = new("rect");
    public static readonly Tag Use = new("use");
    public static readonly Tag Defs = new("defs");
    public static readonly Tag G = new("g");
    public static readonly Tag Desc = new("desc");
    public static readonly Tag LineTo = new("line");
    public static readonly Tag SvgText = new("text");
    public static readonly Tag Figure = new("figure");
    public static readonly Tag Figcaption = new("figcaption");

    private Tag(string name, bool isVoid = false)
    {
        Name = name;
        IsVoid = isVoid;
    }

    public string Name { get; }

    /// <summary>The element has no content and no end.</summary>
    public bool IsVoid { get; }
}
