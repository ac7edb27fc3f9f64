using Vsockspec.Cli;

return Application.Run(args, Workbench.OfThisProcess());
