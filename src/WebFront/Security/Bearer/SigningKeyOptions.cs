namespace Realtime.WebFront.Security;

/// <summary>A key in <see cref="BearerOptions.SigningKeys"/> or <see cref="BearerOptions.PublicKeys"/>.</summary>
public sealed class SigningKeyOptions
{
    /// <summary>
    /// The <c>kid</c> of the tokens that it signs; unique. A key serves also tokens without a <c>kid</c>; one without an id
    /// those whose <c>kid</c> no other key has.
    /// </summary>
    public string? Id { get; set; }

    /// <summary>The issuer that it belongs to: it verifies tokens of no other. By default all of <see cref="BearerOptions.ValidIssuers"/>.</summary>
    public string? Issuer { get; set; }

    /// <summary>The key: base64 of a secret, or PEM of a public key. It decides the algorithm (RFC 7518 section 3.1); a token that says another is refused.</summary>
    public string? Value { get; set; }

    /// <summary>Bytes of a secret, as <c>dotnet user-jwts</c> notes them; it is not read.</summary>
    public int? Length { get; set; }
}
