using Gnomon.Memory;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The README's sample: a machine, and a look into it.</summary>
internal static class FirstMachine
{
    public static void Run(TextWriter output)
    {
        byte[] sundial = File.ReadAllBytes(Documents.PathTo("guests/bin/sundial"));

        // sample
        using Machine machine = Machine.Create(new MachineOptions { Kernel = sundial });  // a kernel of our own: guests/README.md
        machine.Run(new RunLimits { Text = "check fork ok" });                           // until it has said this

        output.WriteLine(machine.PageTables.Translate(new Gva(machine.Registers.Eip)));  // where its code lies in its memory
        output.WriteLine(machine.PageTables.Shadow(0, 0xBFFF_FFFF).Count);               // stretches of its user half in the shadows
        output.WriteLine(machine.Statistics["faults"]);                                  // page faults so far
        output.WriteLine(machine.PageTables.Audit() ?? "every invariant holds");

        machine.Run();                                                                   // to its end
        output.WriteLine($"{machine.End!.Reason}: {machine.End.Text}");
        // end of sample
    }
}
