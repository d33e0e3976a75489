using Gnomon.Memory;

namespace Gnomon.Model.Tests.Threads;

/// <summary>Another guest of the same host. It takes frames that the raced guest gave up, and its content must never change.</summary>
internal sealed class Neighbour : IDisposable
{
    private const int Pages = 48;
    private readonly GuestMemory _memory;
    private readonly Driving.TestPageStore _store = new(Pages);
    private readonly byte[] _wanted = new byte[PageSize.Bytes];
    private readonly byte[] _found = new byte[PageSize.Bytes];

    public Neighbour(HostMemory host) => _memory = new GuestMemory(host, Pages) { Store = _store };

    /// <summary>Pages written again into other frames.</summary>
    public long Rounds { get; private set; }

    /// <summary>Writes a page anew, or lets its frame go and takes another; looks whether it is still its own.</summary>
    public void Move(Random random)
    {
        uint page = (uint)random.Next(Pages);
        Fill(page);
        lock (_memory.Gate)
        {
            if ((_memory.Page(new Gfn(page)).Flags & (GuestPageState.Present | GuestPageState.Stored)) != 0)
            {
                Check(page);
                _memory.Reclaim(new Gfn(page));
            }
            else
            {
                _memory.Write(new Gfn(page).Address, _wanted);
            }
        }

        Rounds++;
    }

    /// <summary>Every page that it holds is what it wrote.</summary>
    public void CheckAll()
    {
        lock (_memory.Gate)
        {
            for (uint page = 0; page < Pages; page++)
            {
                Fill(page);
                if ((_memory.Page(new Gfn(page)).Flags & (GuestPageState.Present | GuestPageState.Stored)) != 0)
                {
                    Check(page);
                }
            }
        }
    }

    public void Dispose() => _memory.Dispose();

    private void Fill(uint page) => _wanted.AsSpan().Fill((byte)(0x80 | page));

    private void Check(uint page)
    {
        _memory.Read(new Gfn(page).Address, _found);
        int at = _found.AsSpan().CommonPrefixLength(_wanted);
        if (at < PageSize.Bytes)
        {
            throw new InvalidOperationException($"the neighbour's page {page} changed at byte {at}: somebody wrote through a translation that was gone");
        }
    }
}
