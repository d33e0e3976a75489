using Gnomon.Cpu;
using Gnomon.Traces;
using Iced.Intel;
using static Iced.Intel.AssemblerRegisters;

namespace Gnomon.Cli.Benchmarks.Cpu;

/// <summary>A measurement of a processor that runs a program.</summary>
internal abstract class CpuBatch(CpuGuest guest) : Batch
{
    /// <summary>The machine.</summary>
    protected CpuGuest Guest { get; } = guest;

    /// <summary>The result of a round.</summary>
    public abstract uint Result { get; }

    /// <inheritdoc/>
    public override void Dispose() => Guest.Dispose();
}

/// <summary>Rounds of a program. The operations are its instructions, or what it does many of.</summary>
internal sealed class ProgramBatch : CpuBatch
{
    private uint _result;

    /// <summary>Sets up.</summary>
    /// <param name="format">The page tables' format.</param>
    /// <param name="program">The program.</param>
    /// <param name="operations">How many operations a round does; null to count instructions.</param>
    public ProgramBatch(TraceFormat format, Action<Assembler> program, int? operations = null)
        : base(new CpuGuest(format, program))
    {
        try
        {
            Guest.Round();
            ulong before = Guest.Processor.Instructions;
            _result = Guest.Round();
            Operations = operations ?? (int)(Guest.Processor.Instructions - before);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override int Operations { get; }

    /// <inheritdoc/>
    public override uint Result => _result;

    /// <summary>Loads of one word in each of so many pages, several times over.</summary>
    public static ProgramBatch Loads(TraceFormat format, int pages, int times) => new(
        format,
        a =>
        {
            const int unrolled = 16;
            Label again = a.CreateLabel(), loop = a.CreateLabel();
            a.mov(ebx, times);
            a.Label(ref again);
            a.mov(esi, CpuGuest.Wide);
            a.mov(ecx, pages / unrolled);
            a.Label(ref loop);
            for (int i = 0; i < unrolled; i++)
            {
                a.mov(eax, __dword_ptr[esi + (i << 12)]);
            }

            a.add(esi, unrolled << 12);
            a.dec(ecx);
            a.jnz(loop);
            a.dec(ebx);
            a.jnz(again);
        },
        pages * times);

    /// <inheritdoc/>
    public override void Run() => _result = Guest.Round();
}

/// <summary>Loads from a page that is not there, with page faults intercepted: each is an exit, and is skipped.</summary>
internal sealed class FaultExitBatch : CpuBatch
{
    private const int Faults = 1000;
    private const int LoadLength = 5;

    private uint _address;

    /// <summary>Sets up.</summary>
    public FaultExitBatch(TraceFormat format)
        : base(new CpuGuest(format, a =>
        {
            for (int i = 0; i < Faults; i++)
            {
                // A1 moffs32: five bytes.
                a.mov(eax, __dword_ptr[CpuGuest.Unmapped]);
            }
        }))
    {
        Guest.Processor.Intercepts = Intercepts.PageFault;
    }

    /// <inheritdoc/>
    public override int Operations => Faults;

    /// <inheritdoc/>
    public override uint Result => _address;

    /// <inheritdoc/>
    public override void Run()
    {
        for (int i = 0; i < Faults; i++)
        {
            CpuExit exit = Guest.RunToExit();
            if (exit.Reason != CpuExitReason.PageFault)
            {
                throw Guest.Unexpected(exit);
            }

            _address = exit.Address;
            Guest.Processor.SkipInstruction(LoadLength);
        }

        Guest.Round();
    }
}
