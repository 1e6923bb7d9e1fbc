namespace Realtime.WebFront.Security;

/// <summary>A key, or a set of keys, cannot be used. The message says why, and holds nothing of the key.</summary>
internal sealed class InvalidKeyException(string message) : Exception(message);
