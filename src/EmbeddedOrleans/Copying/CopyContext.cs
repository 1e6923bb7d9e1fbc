namespace Orleans.Embedded;

/// <summary>What has been copied of one value, so that an object that is met twice is copied once, and cycles end.</summary>
internal sealed class CopyContext
{
    // Few values hold more objects than this; up to here a scan beats a dictionary.
    private const int Few = 8;

    [ThreadStatic]
    private static CopyContext? t_spare;

    private readonly object[] _originals = new object[Few];
    private readonly object[] _copies = new object[Few];
    private Dictionary<object, object>? _more;
    private int _count;

    public static CopyContext Rent()
    {
        var context = t_spare ?? new CopyContext();
        t_spare = null;
        return context;
    }

    public void Return()
    {
        Array.Clear(_originals, 0, Math.Min(_count, Few));
        Array.Clear(_copies, 0, Math.Min(_count, Few));
        _more = null;
        _count = 0;
        t_spare = this;
    }

    public object? Find(object original)
    {
        for (var i = 0; i < Math.Min(_count, Few); i++)
        {
            if (ReferenceEquals(_originals[i], original))
                return _copies[i];
        }

        return _more?.GetValueOrDefault(original);
    }

    /// <summary>Before the members are copied: they may lead back.</summary>
    public void Add(object original, object copy)
    {
        if (_count < Few)
        {
            _originals[_count] = original;
            _copies[_count] = copy;
        }
        else
        {
            (_more ??= new(ReferenceEqualityComparer.Instance))[original] = copy;
        }

        _count++;
    }
}
