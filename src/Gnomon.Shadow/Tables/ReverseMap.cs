using System.Runtime.CompilerServices;

namespace Gnomon.Shadow;

//  A head is one word:  0 none · (position << 1) | 1 the only one · node << 1 a chain of nodes.
//  Nearly every page has one mapping and every table one parent, so nearly every head is the answer itself.

/// <summary>
/// From a thing to the shadow entries that refer to it: from a guest page to its leaves, from a table to its parents.
/// Adding, removing one, and taking any cost the same however many there are; nothing is allocated once warm.
/// </summary>
internal sealed class ReverseMap
{
    private Node[] _nodes = new Node[256];
    private int[] _buckets = new int[256];
    private int _free;
    private int _used = 1;

    /// <summary>Whether exactly one entry refers to the thing.</summary>
    public static bool IsSingle(uint head) => (head & 1) != 0;

    /// <summary>The position of any of the entries; the head must not be zero.</summary>
    public uint First(uint head) => (head & 1) != 0 ? head >> 1 : _nodes[head >> 1].Position;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Add(ref uint head, uint position)
    {
        if (head == 0)
        {
            head = (position << 1) | 1;
        }
        else
        {
            AddToChain(ref head, position);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Remove(ref uint head, uint position)
    {
        if (head == ((position << 1) | 1))
        {
            head = 0;
        }
        else
        {
            RemoveFromChain(ref head, position);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void AddToChain(ref uint head, uint position)
    {
        if ((head & 1) != 0)
        {
            uint only = head >> 1;
            head = 0;
            Push(ref head, only);
        }

        Push(ref head, position);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RemoveFromChain(ref uint head, uint position)
    {
        int found = Unhash(position);
        Node node = _nodes[found];
        if (node.Previous == 0)
        {
            head = (uint)node.Next << 1;
        }
        else
        {
            _nodes[node.Previous].Next = node.Next;
        }

        if (node.Next != 0)
        {
            _nodes[node.Next].Previous = node.Previous;
        }

        Free(found);
        int first = (int)(head >> 1);
        if (first != 0 && _nodes[first].Next == 0)
        {
            uint only = _nodes[first].Position;
            Free(Unhash(only));
            head = (only << 1) | 1;
        }
    }

    /// <summary>Walks without an enumerator: start with the head, stop when it returns false.</summary>
    /// <param name="cursor">The head at first; then the map's own.</param>
    /// <param name="position">The next position.</param>
    public bool Next(ref uint cursor, out uint position)
    {
        if (cursor == 0)
        {
            position = 0;
            return false;
        }

        if ((cursor & 1) != 0)
        {
            position = cursor >> 1;
            cursor = 0;
            return true;
        }

        ref readonly Node node = ref _nodes[cursor >> 1];
        position = node.Position;
        cursor = (uint)node.Next << 1;
        return true;
    }

    private void Push(ref uint head, uint position)
    {
        int node = Take();
        int next = (int)(head >> 1);
        int bucket = Bucket(position);
        _nodes[node] = new Node { Position = position, Next = next, HashNext = _buckets[bucket] };
        _buckets[bucket] = node;
        if (next != 0)
        {
            _nodes[next].Previous = node;
        }

        head = (uint)node << 1;
    }

    private int Take()
    {
        if (_free != 0)
        {
            int node = _free;
            _free = _nodes[node].Next;
            return node;
        }

        if (_used == _nodes.Length)
        {
            Grow();
        }

        return _used++;
    }

    private void Free(int node)
    {
        _nodes[node] = new Node { Next = _free };
        _free = node;
    }

    private int Bucket(uint position) => (int)((position * 2654435761u) >> 8) & (_buckets.Length - 1);

    private int Unhash(uint position)
    {
        ref int link = ref _buckets[Bucket(position)];
        while (link != 0)
        {
            ref Node node = ref _nodes[link];
            if (node.Position == position)
            {
                int found = link;
                link = node.HashNext;
                return found;
            }

            link = ref node.HashNext;
        }

        throw new InvalidOperationException($"The reverse map does not know entry {position >> 10}:{position & 1023}.");
    }

    private void Grow()
    {
        Array.Resize(ref _nodes, _nodes.Length * 2);
        _buckets = new int[_nodes.Length];
        var live = new bool[_used];
        Array.Fill(live, true);
        for (int node = _free; node != 0; node = _nodes[node].Next)
        {
            live[node] = false;
        }

        for (int node = 1; node < _used; node++)
        {
            if (live[node])
            {
                int bucket = Bucket(_nodes[node].Position);
                _nodes[node].HashNext = _buckets[bucket];
                _buckets[bucket] = node;
            }
        }
    }

    private struct Node
    {
        public uint Position;
        public int Previous;
        public int Next;
        public int HashNext;
    }
}
