using static Gnomon.Guests.Tests.Original.GuestView;

namespace Gnomon.Guests.Tests.Original;

/// <summary>What was mapped in each address space, by a fault or from an announced entry, and when the guest last announced a change.</summary>
internal sealed class Mapped(GuestView guest)
{
    private readonly Dictionary<(ulong Top, uint Page), (long When, Path Path)> _seen = [];
    private readonly Dictionary<(string What, ulong Where, uint Which), long> _announced = [];
    private long _now;

    public void Remember(ulong top, uint address, Path path) => _seen[(top, address >> 12)] = (++_now, path);

    /// <summary>Whether the page was mapped with the right that is wanted, and the guest has neither announced nor made a change since.</summary>
    public bool Has(ulong top, uint address, Path path, bool write)
    {
        if (!_seen.TryGetValue((top, address >> 12), out (long When, Path Path) seen))
        {
            return false;
        }

        uint index = (uint)guest.Index(address, guest.Levels);
        (string, ulong, uint)[] places =
        [
            ("leaf", top, address >> 12), ("leaf", ulong.MaxValue, address >> 12),
            ("top", top, index), ("top", ulong.MaxValue, index),
            ("middle", AddressOf(seen.Path.Entries[3]), (uint)guest.Index(address, 2)),
        ];
        return places.Max(_announced.GetValueOrDefault) < seen.When
            && path.Entries.AsSpan(1, guest.Levels).SequenceEqual(seen.Path.Entries.AsSpan(1, guest.Levels))
            && (seen.Path.Leaf & (write ? D : A)) != 0;
    }

    public void Announced(ulong top, uint address, bool everywhere) => _announced[("leaf", everywhere ? ulong.MaxValue : top, address >> 12)] = ++_now;

    public void TopAnnounced(ulong top, int index, bool everywhere) => _announced[("top", everywhere ? ulong.MaxValue : top, (uint)index)] = ++_now;

    public void MiddleAnnounced(ulong table, int index) => _announced[("middle", table, (uint)index)] = ++_now;
}
