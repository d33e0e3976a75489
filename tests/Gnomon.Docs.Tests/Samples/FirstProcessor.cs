using Gnomon.Cpu;
using Gnomon.Cpu.Memory;
using Gnomon.Memory;

namespace Gnomon.Docs.Tests.Samples;

/// <summary>The README's sample: a processor that reads one port and writes another.</summary>
internal static class FirstProcessor
{
    public static void Run(TextWriter output)
    {
        // sample
        using HostMemory host = new(limitMiB: 4);
        using BareMemory memory = new(host, ramMiB: 1);
        using Processor processor = new(memory);                                  // as after a reset: real mode

        memory.Load(0x7C00, [0xE4, 0x60, 0x00, 0xC0, 0xE6, 0x61, 0xF4]);          // IN AL, 60h; ADD AL, AL; OUT 61h, AL; HLT
        processor.Registers.SetSegment(SegmentName.Cs, new SegmentValue(0, Base: 0, Limit: 0xFFFF, Access: 0x9B));
        processor.Registers.Eip = 0x7C00;

        CpuExit exit = processor.Run(instructions: 1000);                         // comes back to have a port read
        output.WriteLine($"{exit.Reason} {exit.Port:x}, write: {exit.IsWrite}");
        processor.CompleteRead(21);                                               // the answer; IN begins again and finds it
        exit = processor.Run(instructions: 1000);
        output.WriteLine($"{exit.Reason} {exit.Port:x}, write: {exit.IsWrite}, value {exit.Value}");
        processor.CompleteWrite();
        exit = processor.Run(instructions: 1000);
        output.WriteLine($"{exit.Reason} at {processor.Registers.Eip:x} after {processor.Instructions} instructions");
        // end of sample
    }
}
