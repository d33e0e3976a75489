namespace Gnomon.Cpu;

/// <summary>The state after a hardware reset (Intel SDM vol. 3, table 9-1).</summary>
// SAFETY: the state is that of a live Processor.
internal static unsafe class ResetState
{
    private const int RealModeAccess = 0x93;

    // SAFETY: the state is that of a live Processor.
    public static void Apply(CpuState* c, ProcessorOptions options)
    {
        nint owner = c->Owner;
        var jumps = c->Jumps;
        uint key = c->JumpKey;
        int attention = c->Attention;
        *c = default;
        c->Owner = owner;
        c->Jumps = jumps;
        c->JumpKey = key;
        c->Attention = attention;
        c->Registers[2] = options.Profile.Signature;
        Flags.Write(c, 0);
        c->Eip = 0xFFF0;
        for (int i = 0; i < 6; i++)
        {
            c->Segments[i].Load(0, 0, 0xFFFF, RealModeAccess);
        }

        c->Segments[Segment.Cs].Load(0xF000, 0xFFFF_0000, 0xFFFF, RealModeAccess);
        c->Ldt.Load(0, 0, 0xFFFF, 0x82);
        c->Task.Load(0, 0, 0xFFFF, 0x8B);
        c->Gdt.Limit = 0xFFFF;
        c->Idt.Limit = 0xFFFF;
        c->Cr0 = Cr0.CacheDisable | Cr0.NotWriteThrough | Cr0.ExtensionType;
        c->Dr6 = 0xFFFF_0FF0;
        c->Dr7 = 0x400;
        c->X87.Reset();
    }
}
