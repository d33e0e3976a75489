using Gnomon.Memory;
using Gnomon.Paging;
using Gnomon.Shadow;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The README's sample: a guest of two entries and one page fault.</summary>
internal static class FirstShadow
{
    public static void Run(TextWriter output)
    {
        // sample
        using HostMemory host = new(limitMiB: 64);                          // the frames of the host
        using GuestMemory memory = new(host, pageCount: 256);               // a guest of 1 MiB, backed lazily
        using Switcher switcher = new(host, hostCpus: 1);                   // the host's pages at the top of the guest
        using IShadowMmu mmu = ShadowMmu.CreateTwoLevel(memory, new ShadowOptions(), switcher);

        memory.Write(new Gpa(0x1080), BitConverter.GetBytes(0x3067));       // its directory: a leaf table for 0x8000000
        memory.Write(new Gpa(0x3124), BitConverter.GetBytes(0x11007));      // its leaf table: 0x8049000 is page 0x11
        mmu.LoadPageTable(cpu: 0, new Gpa(0x1000));                         // the guest loads CR3

        FaultOutcome outcome = mmu.DemandPage(cpu: 0, new Gva(0x8049123), PageFaultCode.User | PageFaultCode.Write);
        output.WriteLine($"{outcome.Kind}: {string.Join(", ", mmu.Leaves(cpu: 0).Where(leaf => !leaf.IsSwitcher))}");
        // end of sample
    }
}
