using System.Runtime.CompilerServices;
using Gnomon.Memory;

namespace Gnomon.Cpu.Execution;

/// <summary>The one loop that runs blocks, and the ops that hold blocks together.</summary>
// SAFETY: heads come from the block cache; a block that was thrown away while it runs is made of ops that leave.
internal static unsafe class Dispatcher
{
    /// <summary>
    /// Runs blocks from <paramref name="head"/> until one leaves, the budget ends, or someone wants attention. On return EIP is that of
    /// the next instruction and everything is accounted for.
    /// </summary>
    /// <returns>The block that did not begin because it is longer than the budget, or null.</returns>
    public static Op* Run(CpuState* c, Op* head)
    {
        while (true)
        {
            int left = c->Budget - head->Remaining;
            if (left < 0 || Volatile.Read(ref c->Attention) != 0)
            {
                return left < 0 ? head : null;
            }

            c->Budget = left;
            head = head->Run(c, head);
            if (head == null)
            {
                return null;
            }
        }
    }

    /// <summary>The block at EIP from the jump cache, or null. For branches to another page and those whose target is a value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Op* FindJump(CpuState* c)
    {
        uint address = c->CodeBase + c->Eip;
        JumpEntry* entry = c->Jumps + JumpEntry.IndexOf(address);
        return entry->Address == address && entry->Key == c->JumpKey ? entry->Head : null;
    }

    /// <summary>Behind a block's last instruction where that is no branch: the next block.</summary>
    public static Op* FallThrough(CpuState* c, Op* o)
    {
        c->Eip += o->Displacement;
        return Ops.Links(o)->Next;
    }

    /// <summary>Behind the last instruction of a shortened block: back to the loop.</summary>
    public static Op* Stop(CpuState* c, Op* o)
    {
        c->Eip += o->Displacement;
        return null;
    }

    /// <summary>In place of every instruction of a block that was thrown away while it ran: find the bytes anew.</summary>
    public static Op* Stale(CpuState* c, Op* o) => Ops.Leave(c, o);

    /// <summary>A link that leads nowhere yet, the taken one: finds the block and links it if it lies in the same page.</summary>
    // The distance from the block's start is in the branch, three ops before.
    public static Op* ResolveTaken(CpuState* c, Op* o) => Resolve(c, o - 2, ref ((BlockLink*)(o - 1))->Taken, (o - 2)->Immediate);

    /// <summary>The same for the way that falls through.</summary>
    public static Op* ResolveNext(CpuState* c, Op* o) => Resolve(c, o - 3, ref ((BlockLink*)(o - 2))->Next, (o - 3)->Displacement);

    /// <summary>A link of a block that was thrown away.</summary>
    public static Op* Unlinked(CpuState* c, Op* o) => FindJump(c);

    private static Op* Resolve(CpuState* c, Op* branch, ref Op* link, uint distance)
    {
        Op* head = FindJump(c);
        if (head != null)
        {
            // Inside one page what let the branch run lets its target run too, whatever TLB or tables say meanwhile.
            uint target = c->CodeBase + c->Eip;
            uint source = target - distance + branch->EipOffset;
            if (((target ^ source) & ~PageSize.OffsetMask) == 0)
            {
                link = head;
            }
        }

        return head;
    }
}
