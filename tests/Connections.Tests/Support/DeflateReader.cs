namespace Realtime.Connections.Tests.Support;

/// <summary>A plain reading of RFC 1951, bit by bit, that says what .NET's inflater does not: where data ends, and how far back it refers.</summary>
public sealed class DeflateReader
{
    private static readonly int[] s_lengthBase = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
    private static readonly int[] s_lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    private static readonly int[] s_distanceBase = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577];
    private static readonly Code s_fixedLiterals = new([.. Repeat(8, 144), .. Repeat(9, 112), .. Repeat(7, 24), .. Repeat(8, 8)]);
    private static readonly Code s_fixedDistances = new(Repeat(5, 30));
    private static readonly int[] s_codeLengthOrder = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

    private readonly byte[] _data;
    private readonly List<byte> _output = [];
    private int _bit; // the next one's number
    private int _streamStart;

    private DeflateReader(byte[] data) => _data = data;

    /// <summary>The furthest that a copy goes back.</summary>
    public int MaxDistance { get; private set; }

    public byte[] Output => [.. _output];

    /// <summary>Reads a message of permessage-deflate; null when it is not valid or not whole.</summary>
    public static DeflateReader? Read(byte[] message)
    {
        var reader = new DeflateReader(message);
        try
        {
            return reader.ReadAll() ? reader : null;
        }
        catch (Exception e) when (e is IndexOutOfRangeException or InvalidDataException)
        {
            return null;
        }
    }

    private bool ReadAll()
    {
        while (true)
        {
            bool last = Bits(1) == 1;
            switch (Bits(2))
            {
                case 0:
                    _bit = (_bit + 7) & ~7;
                    if (_bit == 8 * _data.Length)
                        return true; // the rest of this block is what senders take off
                    int length = Bits(16);
                    if (length != (~Bits(16) & 0xFFFF))
                        throw new InvalidDataException();
                    for (int i = 0; i < length; i++)
                        _output.Add((byte)Bits(8));
                    break;
                case 1:
                    Symbols(s_fixedLiterals, s_fixedDistances);
                    break;
                case 2:
                    Dynamic();
                    break;
                default:
                    throw new InvalidDataException();
            }
            if (!last)
                continue;
            _bit = (_bit + 7) & ~7;
            if (_bit == 8 * _data.Length)
                return true;
            _streamStart = _output.Count;
        }
    }

    private void Dynamic()
    {
        int literals = 257 + Bits(5), distances = 1 + Bits(5), count = 4 + Bits(4);
        var codeLengths = new int[19];
        for (int i = 0; i < count; i++)
            codeLengths[s_codeLengthOrder[i]] = Bits(3);
        var codeLengthCode = new Code(codeLengths).Check(mayBeOne: false);
        var lengths = new List<int>();
        while (lengths.Count < literals + distances)
        {
            int symbol = Symbol(codeLengthCode);
            if (symbol < 16)
                lengths.Add(symbol);
            else if (symbol == 16)
                lengths.AddRange(Repeat(lengths.Count > 0 ? lengths[^1] : throw new InvalidDataException(), 3 + Bits(2)));
            else
                lengths.AddRange(Repeat(0, symbol == 17 ? 3 + Bits(3) : 11 + Bits(7)));
        }
        if (lengths.Count > literals + distances || literals > 286 || distances > 30 || lengths[256] == 0)
            throw new InvalidDataException();
        Symbols(new Code([.. lengths.Take(literals)]).Check(mayBeOne: true), new Code([.. lengths.Skip(literals)]).Check(mayBeOne: true));
    }

    private void Symbols(Code literals, Code distances)
    {
        while (true)
        {
            int symbol = Symbol(literals);
            if (symbol == 256)
                return;
            if (symbol < 256)
            {
                _output.Add((byte)symbol);
                continue;
            }
            int length = s_lengthBase[symbol - 257] + Bits(s_lengthBits[symbol - 257]);
            int code = Symbol(distances), distance = s_distanceBase[code] + Bits(code < 2 ? 0 : code / 2 - 1);
            if (distance > _output.Count - _streamStart)
                throw new InvalidDataException();
            MaxDistance = Math.Max(MaxDistance, distance);
            for (int i = 0; i < length; i++)
                _output.Add(_output[^distance]);
        }
    }

    private int Symbol(Code code)
    {
        int bits = 0, first = 0, index = 0;
        for (int length = 1; length <= Code.Longest; length++)
        {
            bits = (bits << 1) | Bits(1);
            int count = code.Counts[length];
            if (bits - first < count)
                return code.Symbols[index + bits - first];
            index += count;
            first = (first + count) << 1;
        }
        throw new InvalidDataException();
    }

    private int Bits(int count)
    {
        int value = 0;
        for (int i = 0; i < count; i++, _bit++)
            value |= ((_data[_bit / 8] >> (_bit % 8)) & 1) << i;
        return value;
    }

    private static int[] Repeat(int value, int count) => [.. Enumerable.Repeat(value, count)];

    /// <summary>A canonical code: the symbols of a length follow each other, and their first follows the last of the length before.</summary>
    private sealed class Code
    {
        public const int Longest = 15;

        public Code(int[] lengths)
        {
            foreach (int length in lengths)
                Counts[length]++;
            Counts[0] = 0; // not used
            Symbols = [.. Enumerable.Range(0, lengths.Length).Where(symbol => lengths[symbol] != 0).OrderBy(symbol => lengths[symbol])];
        }

        /// <summary>How many symbols have a code of that many bits.</summary>
        public int[] Counts { get; } = new int[Longest + 1];

        /// <summary>In the order of their codes.</summary>
        public int[] Symbols { get; }

        /// <summary>Refuses, as zlib does, more codes than there are, and fewer unless there is only one, of one bit, or none.</summary>
        public Code Check(bool mayBeOne)
        {
            int left = 1;
            for (int length = 1; length <= Longest; length++)
            {
                left = (left << 1) - Counts[length];
                if (left < 0)
                    throw new InvalidDataException();
            }
            return left == 0 || Symbols.Length == 0 || (mayBeOne && Symbols.Length == 1 && Counts[1] == 1) ? this : throw new InvalidDataException();
        }
    }
}
