using System.Globalization;

namespace Orleans
{
    /// <summary>The name of the kind of grain, instead of the one made from the class name.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class GrainTypeAttribute(string grainType) : Attribute
    {
        internal string Name { get; } = grainType;
    }

    /// <summary>Idle activations of this class stay.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public class KeepAliveAttribute : Attribute;

    /// <summary>How long activations of this class may idle before they are collected.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public class CollectionAgeLimitAttribute : Attribute
    {
        /// <summary>The least age: one minute.</summary>
        public static readonly TimeSpan MinAgeLimit = TimeSpan.FromMinutes(1);

        public CollectionAgeLimitAttribute()
        {
        }

        /// <summary>An age as text, such as <c>"00:10:00"</c>.</summary>
        public CollectionAgeLimitAttribute(string inactivityPeriod)
        {
            var age = TimeSpan.Parse(inactivityPeriod, CultureInfo.InvariantCulture);
            Days = age.TotalDays;
        }

        public double Days { get; set; }

        public double Hours { get; set; }

        public double Minutes { get; set; }

        /// <summary>Never collected.</summary>
        public bool AlwaysActive { get; set; }

        public TimeSpan AgeLimit
        {
            get
            {
                var age = TimeSpan.FromDays(Days) + TimeSpan.FromHours(Hours) + TimeSpan.FromMinutes(Minutes);
                return age < MinAgeLimit ? MinAgeLimit : age;
            }
        }
    }
}

namespace Orleans.Metadata
{
    /// <summary>Which kind of grain an interface means when several classes implement it.</summary>
    [AttributeUsage(AttributeTargets.Interface)]
    public sealed class DefaultGrainTypeAttribute(string grainType) : Attribute
    {
        internal string GrainType { get; } = grainType;
    }
}

namespace Orleans.Providers
{
    /// <summary>The storage of a <see cref="Orleans.Grain{TGrainState}"/>.</summary>
    [AttributeUsage(AttributeTargets.Class)]
    public sealed class StorageProviderAttribute : Attribute
    {
        public string ProviderName { get; set; } = ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME;
    }

    public static class ProviderConstants
    {
        public const string DEFAULT_STORAGE_PROVIDER_NAME = "Default";
        public const string DEFAULT_PUBSUB_PROVIDER_NAME = "PubSubStore";
    }
}
