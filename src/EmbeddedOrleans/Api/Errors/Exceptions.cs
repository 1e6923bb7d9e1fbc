namespace Orleans.Runtime
{
    [GenerateSerializer]
    public class OrleansException : Exception
    {
        public OrleansException() : base("Unexpected error.")
        {
        }

        public OrleansException(string message) : base(message)
        {
        }

        public OrleansException(string message, Exception? innerException) : base(message, innerException)
        {
        }
    }

    /// <summary>A call was not run, or its silo went while it ran.</summary>
    [GenerateSerializer]
    public class OrleansMessageRejectionException : OrleansException
    {
        internal OrleansMessageRejectionException(string message, Exception? innerException = null) : base(message, innerException)
        {
        }
    }

    /// <summary>No silo can run the call.</summary>
    [GenerateSerializer]
    public sealed class SiloUnavailableException : OrleansMessageRejectionException
    {
        public SiloUnavailableException() : base("The silo is unavailable.")
        {
        }

        public SiloUnavailableException(string msg) : base(msg)
        {
        }

        public SiloUnavailableException(string message, Exception innerException) : base(message, innerException)
        {
        }
    }

    /// <summary>The process that holds the observer has gone.</summary>
    [GenerateSerializer]
    public sealed class ClientNotAvailableException : OrleansException
    {
        internal ClientNotAvailableException(GrainId client) : base($"No activation for client {client}.")
        {
        }
    }

    [GenerateSerializer]
    public sealed class OrleansConfigurationException : Exception
    {
        public OrleansConfigurationException(string message) : base(message)
        {
        }

        public OrleansConfigurationException(string message, Exception innerException) : base(message, innerException)
        {
        }
    }
}

namespace Orleans.Storage
{
    /// <summary>The stored state is not the one that was read: another activation wrote in between. The activation ends.</summary>
    [GenerateSerializer]
    public class InconsistentStateException : Runtime.OrleansException
    {
        public InconsistentStateException()
        {
        }

        public InconsistentStateException(string message) : base(message)
        {
        }

        public InconsistentStateException(string message, Exception? innerException) : base(message, innerException)
        {
        }

        public InconsistentStateException(string errorMsg, string? storedEtag, string? currentEtag) : base(errorMsg)
        {
            StoredEtag = storedEtag;
            CurrentEtag = currentEtag;
        }

        /// <summary>The tag in the storage.</summary>
        [Id(1)]
        public string? StoredEtag { get; }

        /// <summary>The tag that the activation had read.</summary>
        [Id(2)]
        public string? CurrentEtag { get; }
    }
}

namespace Orleans.Serialization
{
    [GenerateSerializer]
    public class SerializerException : Exception
    {
        public SerializerException(string message) : base(message)
        {
        }
    }

    /// <summary>A value of a type that grains cannot exchange.</summary>
    [GenerateSerializer]
    public sealed class CodecNotFoundException : SerializerException
    {
        public CodecNotFoundException(string message) : base(message)
        {
        }
    }
}
