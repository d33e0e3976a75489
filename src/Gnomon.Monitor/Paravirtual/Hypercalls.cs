using System.Buffers.Binary;
using System.Text;
using Gnomon.Memory;

namespace Gnomon.Monitor;

/// <summary>The numbers of the hypercalls.</summary>
internal enum HypercallNumber : uint
{
    FlushAsync = 0,
    Initialise = 1,
    Shutdown = 2,
    NewPageTable = 4,
    FlushTlb = 5,
    LoadIdtEntry = 6,
    SetStack = 7,
    TaskSwitched = 8,
    SetClockEvent = 9,
    Halt = 10,
    SetPmd = 13,
    SetPte = 14,
    SetPgd = 15,
    LoadTls = 16,
    LoadGdtEntry = 18,
    SendInterrupts = 19,
}

/// <summary>What a guest kernel asks of its host: <c>int 0x1F</c>, and the ring of calls that it has put off.</summary>
internal sealed class Hypercalls(GuestSession session, MonitorStatistics statistics)
{
    private const uint RestartArgument = 2;
    private const int MaxText = 128;
    private const int FirstTlsEntry = 6;
    private const int TlsEntries = 3;
    private const uint MaxStackPages = 2;

    private int _nextSlot;

    /// <summary>A hypercall. The first must be init; each later one is done behind what waits in the ring.</summary>
    public void Handle(in HypercallArguments call)
    {
        statistics.Hypercalls++;
        if (session.Data is not { } data)
        {
            if (call.Number != (uint)HypercallNumber.Initialise)
            {
                GuestDeath.Kill($"hypercall 0x{call.Number:x} before the first, which must be 1");
            }

            session.Initialise(call.Ebx);
            return;
        }

        DrainRing(data);
        if (session.End is null)
        {
            Do(in call);
        }
    }

    // What is in the ring now, at most once around: a guest that fills it again meanwhile waits for its next call.
    private void DrainRing(GuestDataPage data)
    {
        Span<byte> status = stackalloc byte[GuestDataPage.RingSlots];
        data.ReadStatus(status);
        for (int i = 0; i < status.Length && status[_nextSlot] != GuestDataPage.SlotIsFree && session.End is null; i++)
        {
            int slot = _nextSlot;
            _nextSlot = (slot + 1) % GuestDataPage.RingSlots;
            statistics.AsyncHypercalls++;
            Do(data.ReadCall(slot));
            data.FreeSlot(slot);
        }
    }

    private void Do(in HypercallArguments call)
    {
        switch ((HypercallNumber)call.Number)
        {
            // The ring has been emptied, and interrupts are looked for on the way back: that is all they ask.
            case HypercallNumber.FlushAsync:
            case HypercallNumber.SendInterrupts:
                break;
            case HypercallNumber.Initialise:
                GuestDeath.Kill("hypercall 1 a second time");
                break;
            case HypercallNumber.Shutdown:
                ShutDown(call.Ebx, call.Ecx);
                break;
            case HypercallNumber.LoadIdtEntry:
                session.Cpu.Descriptors.SetGate(call.Ebx, call.Ecx, call.Edx);
                break;
            case HypercallNumber.SetStack:
                SetStack(call.Ebx, call.Ecx, call.Edx);
                break;
            case HypercallNumber.TaskSwitched:
                session.Cpu.TaskSwitched = call.Ebx != 0;
                break;
            case HypercallNumber.SetClockEvent:
                session.ClockEvent = call.Ebx == 0 ? ulong.MaxValue : session.Now + call.Ebx;
                break;
            case HypercallNumber.Halt:
                session.IsHalted = true;
                break;
            case HypercallNumber.LoadTls:
                LoadTls(call.Ebx);
                break;
            case HypercallNumber.LoadGdtEntry:
                LoadGdtEntry(call.Ebx, call.Ecx, call.Edx);
                break;
            default:
                DoPaging(in call);
                break;
        }
    }

    private void DoPaging(in HypercallArguments call)
    {
        switch ((HypercallNumber)call.Number)
        {
            case HypercallNumber.NewPageTable:
                session.Mmu.LoadPageTable(GuestSession.Number, new Gpa(call.Ebx));
                break;
            case HypercallNumber.FlushTlb when call.Ebx == 0:
                session.Mmu.FlushUser(GuestSession.Number);
                break;
            case HypercallNumber.FlushTlb:
                session.Mmu.ClearAll(GuestSession.Number);
                break;
            case HypercallNumber.SetPmd when session.IsPae:
                session.Mmu.SetPmd(GuestSession.Number, new Gpa(call.Ebx), call.Ecx);
                break;
            case HypercallNumber.SetPte:
                ulong entry = session.IsPae ? call.Edx | ((ulong)call.Esi << 32) : call.Edx;
                session.Mmu.SetPte(GuestSession.Number, new Gpa(call.Ebx), new Gva(call.Ecx), entry);
                break;
            case HypercallNumber.SetPgd:
                session.Mmu.SetPgd(GuestSession.Number, new Gpa(call.Ebx), call.Ecx);
                break;
            default:
                GuestDeath.Kill($"there is no hypercall 0x{call.Number:x}");
                break;
        }
    }

    private void ShutDown(uint address, uint how)
    {
        ulong end = (ulong)session.Memory.PageCount << PageSize.Shift;
        if (address >= end)
        {
            GuestDeath.Kill($"the text of a shutdown at 0x{address:x} lies outside the guest's memory");
        }

        Span<byte> text = stackalloc byte[(int)Math.Min(MaxText, end - address)];
        GuestDeath.Unless(session.Memory.Read(new Gpa(address), text), "the text of a shutdown", address);
        int length = text.IndexOf((byte)0);
        session.End = new GuestStop(
            how == RestartArgument ? GuestStopReason.Restart : GuestStopReason.Shutdown,
            Encoding.Latin1.GetString(length < 0 ? text : text[..length]),
            session.Cpu.Frame.Eip);
    }

    private void SetStack(uint selector, uint pointer, uint pages)
    {
        if ((selector & 3) != EventDelivery.KernelLevel)
        {
            GuestDeath.Kill($"the stack segment 0x{selector:x} is not of level 1");
        }

        if (pages > MaxStackPages)
        {
            GuestDeath.Kill($"a stack of 0x{pages:x} pages, more than {MaxStackPages}");
        }

        session.Mmu.SetStack(GuestSession.Number, new Gva(pointer), (int)pages);
        session.Cpu.Descriptors.SetStack((ushort)selector, pointer);
    }

    private void LoadTls(uint address)
    {
        Span<byte> entries = stackalloc byte[TlsEntries * 8];
        GuestDeath.Unless(session.Memory.Read(new Gpa(address), entries), "the table of a TLS load", address);
        for (int i = 0; i < TlsEntries; i++)
        {
            session.Cpu.Descriptors.SetDescriptor(FirstTlsEntry + i, BinaryPrimitives.ReadUInt64LittleEndian(entries[(i * 8)..]));
        }
    }

    private void LoadGdtEntry(uint index, uint low, uint high)
    {
        if (index >= SwitcherLayout.GdtEntries)
        {
            GuestDeath.Kill($"the descriptor table has no entry 0x{index:x}");
        }

        session.Cpu.Descriptors.SetDescriptor((int)index, low | ((ulong)high << 32));
    }
}
