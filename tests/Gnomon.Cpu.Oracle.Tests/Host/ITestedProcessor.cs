namespace Gnomon.Cpu.Oracle.Tests.Host;

/// <summary>
/// A processor that is compared with the host's: in protected mode at CPL 3 with IOPL 0, no I/O bitmap, CR0.AM and CR0.NE set, CR0.TS and
/// CR0.EM clear, and CR4.TSD, CR4.PVI and CR4.PCE clear. Its memory is <see cref="AddressMap"/>, of which the data windows begin as
/// <see cref="Background"/>; where <see cref="HostProcessor.HasLowData"/> is false it has none of <see cref="AddressMap.LowData"/>. Its
/// GDT has a flat code segment at index 4 and flat data at index 5, both accessed (00CFFB000000FFFFh and 00CFF3000000FFFFh), and the limit
/// <see cref="AddressMap.GdtLimit"/>; its LDT is <see cref="LocalDescriptors"/>. No gate of its IDT but 3 and 4 is open to users.
/// </summary>
internal interface ITestedProcessor
{
    /// <summary>
    /// Runs the case's one instruction: restores the data pages to the background, makes the patches, puts the code at EIP (only its
    /// own bytes need be there; the page after an instruction is mapped or not as the map says), loads the registers, selectors and x87
    /// state, and steps once. What follows is not fetched. The result has the exception, if there was one, as a handler finds it, with
    /// the registers that it interrupted; no handler runs. <paramref name="r"/> has an empty <see cref="CaseResult.Memory"/>, to be
    /// filled with <see cref="MemoryChanges.AddChanges"/> of the low and then of the high window.
    /// </summary>
    void Run(in InstructionCase c, ref CaseResult r);
}
