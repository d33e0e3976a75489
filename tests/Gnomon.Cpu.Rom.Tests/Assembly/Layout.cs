namespace Gnomon.Cpu.Rom.Tests.Assembly;

/// <summary>Where the runtime of the ROMs keeps things in the first megabyte, and the selectors of its GDT.</summary>
internal static class Layout
{
    /// <summary>The interrupt vectors of real mode.</summary>
    public const uint Ivt = 0;

    /// <summary>Eight records of <see cref="RecordSize"/> bytes: what the recorder saw.</summary>
    public const uint Records = 0x1000;
    public const uint RecordSize = 0x80;
    public const uint RecordLimit = 8;

    /// <summary>The number of records; may be more than there is space for.</summary>
    public const uint Count = 0x1400;

    /// <summary>Where the recorder goes when it does not return.</summary>
    public const uint Landing = 0x1404;

    /// <summary>A bit for every vector after which the recorder returns to the interrupted code.</summary>
    public const uint Resume = 0x1408;

    /// <summary>Not zero: an interrupt with the number of an exception that has an error code came from INT n, and has none.</summary>
    public const uint NoError = 0x140C;

    /// <summary>The address that the reports count EIP from.</summary>
    public const uint Mark = 0x1410;

    /// <summary>Where a case in real mode starts.</summary>
    public const uint RealEntry = 0x1414;

    /// <summary>Where the set-up of a case returns to.</summary>
    public const uint Return = 0x1418;

    /// <summary>The lowest and the first address after what is cleared before each case.</summary>
    public const uint Work = 0x1000;
    public const uint WorkEnd = 0x1420;

    public const uint Gdt = 0x2000;
    public const uint GdtSize = 0x100;
    public const uint Idt = 0x3000;
    public const uint IdtSize = 0x48 * 8;
    public const uint Ldt = 0x3800;
    public const uint LdtSize = 0x80;

    /// <summary>The TSS of the runtime, with the bitmap of ports behind it, and three more for tasks.</summary>
    public const uint Tss = 0x4000;
    public const uint Tss2 = 0x5000;
    public const uint Tss3 = 0x5200;
    public const uint Tss16 = 0x5400;

    /// <summary>The top of the stack between the cases, so that reports disturb no stack of a case.</summary>
    public const uint ReportStack = 0x6800;

    /// <summary>The tops of the stacks.</summary>
    public const uint MainStack = 0x7000;
    public const uint Ring0Stack = 0x7800;
    public const uint Ring1Stack = 0x8000;
    public const uint Ring2Stack = 0x8800;
    public const uint UserStack = 0x9000;
    public const uint TaskStack = 0x9800;

    /// <summary>Sixteen KiB that belong to the case.</summary>
    public const uint Scratch = 0xA000;
    public const uint ScratchEnd = 0xE000;

    public const ushort FlatCode = 0x08;
    public const ushort Flat = 0x10;
    public const ushort UserCode = 0x1B;
    public const ushort UserFlat = 0x23;
    public const ushort Code16 = 0x28;
    public const ushort Data16 = 0x30;
    public const ushort TssSel = 0x38;
    public const ushort Tss2Sel = 0x40;
    public const ushort Tss16Sel = 0x48;
    public const ushort LdtSel = 0x50;
    public const ushort Code1 = 0x59;
    public const ushort Flat1 = 0x61;
    public const ushort Code2 = 0x6A;
    public const ushort Flat2 = 0x72;
    public const ushort UserCode16 = 0x7B;

    /// <summary>The first selector of the GDT that is the case's own; they go up to 0xF8.</summary>
    public const ushort Free = 0x80;

    /// <summary>The software interrupt that ends a case.</summary>
    public const byte DoneVector = 0x40;

    /// <summary>The port of the text, of the POST codes, and those that end an emulator.</summary>
    public const ushort TextPort = 0xE9;
    public const ushort PostPort = 0x190;
    public const ushort QemuExitPort = 0xF4;
    public const ushort BochsExitPort = 0x8900;
}
