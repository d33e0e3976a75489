using Gnomon.Build;
using Gnomon.Build.Targets;

ITarget[] targets =
[
    new RestoreTarget(),
    new FormatTarget(),
    new BuildTarget(),
    new TestTarget(),
    new MutantsTarget(),
    new ApproveTarget(),
    new BenchTarget(),
    new PackTarget(),
    new CiTarget(),
];

if (args is [] or ["help" or "--help" or "-h", ..])
{
    Help.Print(Console.Out, targets);
    return ExitCode.Success;
}

if (targets.FirstOrDefault(target => target.Name == args[0]) is not { } chosen)
{
    Console.Error.WriteLine($"unknown target {args[0]}");
    Help.Print(Console.Error, targets);
    return ExitCode.Usage;
}

try
{
    return chosen.Run(Repository.Find(), args.AsSpan(1));
}
catch (UsageException exception)
{
    Console.Error.WriteLine(exception.Message);
    return ExitCode.Usage;
}
catch (BuildException exception)
{
    Console.Error.WriteLine(exception.Message);
    return ExitCode.Failure;
}
