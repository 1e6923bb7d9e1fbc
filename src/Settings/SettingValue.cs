using System.ComponentModel.DataAnnotations;
using System.Globalization;
using System.Reflection;

namespace Realtime.Settings;

/// <summary>A setting that is one value: how its text is read, and what it may be.</summary>
internal static class SettingValue
{
    public static bool IsValue(Type type) =>
        Plain(type) is { } plain
        && (plain.IsEnum || plain == typeof(string) || plain == typeof(bool) || plain == typeof(int) || plain == typeof(long)
            || plain == typeof(double) || plain == typeof(TimeSpan));

    /// <summary>Says what is wrong with a text; null when nothing is.</summary>
    public static string? Problem(string path, string? text, Type type, PropertyInfo? property)
    {
        if (text is null)
            return Nullable.GetUnderlyingType(type) is not null || !type.IsValueType ? null : $"{path} is null; it must be {Allowed(type, property)}.";
        return TryParse(text, Plain(type), out var value) ? Problem(path, value, property) : $"{path} is '{Shown(text)}'; it must be {Allowed(type, property)}.";
    }

    /// <summary>Says what is wrong with a value; null when nothing is.</summary>
    public static string? Problem(string path, object? value, PropertyInfo? property)
    {
        if (property is null || value is null)
            return null;
        var isAllowed = (property.GetCustomAttribute<RangeAttribute>() is not { } range || IsWithin(range, value))
            && (property.GetCustomAttribute<AllowedValuesAttribute>()?.IsValid(value) ?? true)
            && (value is not Enum || Enum.IsDefined(value.GetType(), value))
            && (property.GetCustomAttribute<StringLengthAttribute>() is not { } length || (value is string text && length.IsValid(text) && (length.MinimumLength == 0 || !string.IsNullOrWhiteSpace(text))));
        return isAllowed ? null : $"{path} is {(value is string or Enum ? $"'{Shown($"{value}")}'" : Text(value))}; it must be {Limits(property)}.";
    }

    /// <summary>What a setting may be, for a sentence.</summary>
    public static string Allowed(Type type, PropertyInfo? property)
    {
        var plain = Plain(type);
        var limits = property is null ? "" : Limits(property);
        return plain == typeof(TimeSpan) ? $"a time as hh:mm:ss or d.hh:mm:ss {limits}".TrimEnd()
            : plain == typeof(int) || plain == typeof(long) ? $"a whole number {limits}".TrimEnd()
            : plain == typeof(double) ? $"a number {limits}".TrimEnd()
            : plain == typeof(bool) ? "true or false"
            : plain.IsEnum ? Either(Enum.GetNames(plain))
            : limits;
    }

    /// <summary>What a setting may be beside its type.</summary>
    public static string Limits(PropertyInfo property) =>
        property.GetCustomAttribute<RangeAttribute>() is { } range ? $"from {Text(range.Minimum)} to {Text(range.Maximum)}"
        : property.GetCustomAttribute<AllowedValuesAttribute>() is { } values ? Either([.. values.Values.OfType<string>().Where(value => value.Length > 0)])
        : property.GetCustomAttribute<StringLengthAttribute>() is { } length ? $"a text of {length.MinimumLength} to {length.MaximumLength} characters"
        : Plain(property.PropertyType).IsEnum ? Either(Enum.GetNames(Plain(property.PropertyType)))
        : property.PropertyType == typeof(string) ? "a text" : "";

    private static string Either(string[] names) => names.Length == 1 ? names[0] : $"{string.Join(", ", names[..^1])} or {names[^1]}";

    private static bool IsWithin(RangeAttribute range, object value)
    {
        var (from, to) = (Bound(range.Minimum, value.GetType()), Bound(range.Maximum, value.GetType()));
        return from.CompareTo(value) <= 0 && to.CompareTo(value) >= 0;
    }

    private static IComparable Bound(object bound, Type type) => bound is string text
        ? TryParse(text, type, out var value) ? (IComparable)value! : throw new InvalidOperationException($"'{text}' is no bound of a {type.Name}.")
        : (IComparable)Convert.ChangeType(bound, type, CultureInfo.InvariantCulture);

    private static bool TryParse(string text, Type type, out object? value)
    {
        value = null;
        if (text.Contains('\0'))
            return false; // .NET passes over them behind a number
        var invariant = CultureInfo.InvariantCulture;
        if (type == typeof(string))
            value = text;
        else if (type == typeof(bool) && bool.TryParse(text, out var flag))
            value = flag;
        else if (type == typeof(int) && int.TryParse(text, NumberStyles.AllowLeadingSign, invariant, out var number))
            value = number;
        else if (type == typeof(long) && long.TryParse(text, NumberStyles.AllowLeadingSign, invariant, out var large))
            value = large;
        else if (type == typeof(double) && double.TryParse(text, NumberStyles.Float, invariant, out var real))
            value = real;
        // A bare number would be days, which nobody means by it; so would 24:00:00 be, but for the exact format.
        else if (type == typeof(TimeSpan) && (text.Contains(':') || text == "0") && TimeSpan.TryParseExact(text, "c", invariant, out var time))
            value = time;
        else if (type.IsEnum && Enum.GetNames(type).FirstOrDefault(name => name.Equals(text, StringComparison.OrdinalIgnoreCase)) is { } named)
            value = Enum.Parse(type, named);
        return value is not null;
    }

    private static Type Plain(Type type) => Nullable.GetUnderlyingType(type) ?? type;

    private static string Text(object value) => Convert.ToString(value, CultureInfo.InvariantCulture)!;

    internal static string Shown(string text) => text.Length > 100 ? text[..100] + ".." : text.ReplaceLineEndings(" ");
}
