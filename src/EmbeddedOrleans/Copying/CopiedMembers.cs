using System.Reflection;
using System.Runtime.CompilerServices;

namespace Orleans.Embedded;

/// <summary>Which fields of a type are copied: those that Orleans would send.</summary>
internal static class CopiedMembers
{
    private const BindingFlags Declared = BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>The fields, and whether each is marked immutable.</summary>
    public static IEnumerable<(FieldInfo Field, bool IsImmutable)> Of(Type type)
    {
        for (var level = type; level is not null && level != typeof(object) && level != typeof(ValueType); level = level.BaseType)
        {
            if (level.GetCustomAttribute<GenerateSerializerAttribute>(inherit: false) is not { } attribute)
                continue;
            var primary = PrimaryParameters(level, attribute);
            foreach (var field in level.GetFields(Declared))
            {
                var property = PropertyOf(field);
                var member = (MemberInfo?)property ?? field;
                var isCopied = member.IsDefined(typeof(IdAttribute))
                    || field.IsDefined(typeof(IdAttribute))
                    || (property is not null && primary.Contains(property.Name))
                    || (property is { GetMethod.IsPublic: true, SetMethod.IsPublic: true } && attribute.GenerateFieldIds == GenerateFieldIds.PublicProperties);
                if (isCopied && !member.IsDefined(typeof(NonSerializedAttribute)))
                    yield return (field, member.IsDefined(typeof(ImmutableAttribute)) || CopyKinds.IsImmutable(field.FieldType));
            }
        }
    }

    /// <summary>Whether a value type's copy is the value itself.</summary>
    public static bool CoverAllFields(Type type)
    {
        var copied = Of(type).ToList();
        return copied.All(member => member.IsImmutable) && copied.Count == type.GetFields(Declared).Length;
    }

    /// <summary>The names of a record's parameters, which count as marked.</summary>
    private static HashSet<string> PrimaryParameters(Type type, GenerateSerializerAttribute attribute)
    {
        var isRecord = type.GetMethod("<Clone>$", Declared) is not null
            || (type.IsValueType && type.GetMethod("PrintMembers", Declared)?.IsDefined(typeof(CompilerGeneratedAttribute)) == true);
        if (!isRecord && !attribute.IncludePrimaryConstructorParameters)
            return [];
        var deconstruct = type.GetMethods(Declared).FirstOrDefault(method => method.Name == "Deconstruct" && method.IsDefined(typeof(CompilerGeneratedAttribute)));
        var parameters = deconstruct?.GetParameters()
            ?? (attribute.IncludePrimaryConstructorParameters ? type.GetConstructors(Declared).MaxBy(constructor => constructor.GetParameters().Length)?.GetParameters() : null);
        return [.. (parameters ?? []).Select(parameter => parameter.Name!)];
    }

    /// <summary>The property that the compiler made this field for.</summary>
    private static PropertyInfo? PropertyOf(FieldInfo field) =>
        field.Name is ['<', ..] && field.Name.EndsWith(">k__BackingField", StringComparison.Ordinal)
            ? field.DeclaringType!.GetProperty(field.Name[1..field.Name.IndexOf('>')], Declared)
            : null;
}
