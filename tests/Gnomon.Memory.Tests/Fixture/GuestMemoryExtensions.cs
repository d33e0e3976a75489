namespace Gnomon.Memory.Tests.Fixture;

/// <summary>Short ways to write and read in tests.</summary>
internal static class GuestMemoryExtensions
{
    public static PageStatus Write(this GuestMemory memory, ulong address, params byte[] bytes) => memory.Write(new Gpa(address), bytes);

    public static byte[] Read(this GuestMemory memory, ulong address, int length)
    {
        byte[] bytes = new byte[length];
        Assert.Equal(PageStatus.Ok, memory.Read(new Gpa(address), bytes));
        return bytes;
    }

    public static GuestPageState Flags(this GuestMemory memory, ulong page) => memory.Page(new Gfn(page)).Flags;

    public static Pfn FrameOf(this GuestMemory memory, ulong page)
    {
        Assert.True((memory.Flags(page) & GuestPageState.Present) != 0, $"page {page} has no frame");
        return memory.Page(new Gfn(page)).Frame;
    }

    public static GuestMemory Clone(this GuestMemory memory)
    {
        Assert.Equal(PageStatus.Ok, memory.Share(out GuestMemory? copy));
        return copy!;
    }
}
