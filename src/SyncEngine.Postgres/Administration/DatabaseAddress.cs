using Npgsql;

namespace SyncEngine.Postgres.Administration;

/// <summary>
/// Reads the address of a database in any of its usual forms: a postgres:// URL, libpq's <c>host=… dbname=…</c>, or Npgsql's
/// <c>Host=…;Database=…</c>.
/// </summary>
/// <remarks>
/// Source for the first two: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING.
/// Errors never repeat the text: it holds a password.
/// </remarks>
public static class DatabaseAddress
{
    private const string OwnKeys = "DATABASE_URL or SyncEngine:Database:Url";

    /// <param name="key">The configuration key that the text comes from, for errors.</param>
    /// <exception cref="OperatorException">The text cannot be read; the message is one line.</exception>
    public static NpgsqlConnectionStringBuilder Parse(string text, string key = OwnKeys)
    {
        ArgumentNullException.ThrowIfNull(text);
        try
        {
            return Parse(text.Trim());
        }
        catch (AddressFault fault)
        {
            throw new OperatorException($"{fault.Message} ({key})", fault);
        }
    }

    /// <summary>Server and database without the password: <c>user@host:port/database</c>.</summary>
    public static string Describe(NpgsqlConnectionStringBuilder builder)
    {
        ArgumentNullException.ThrowIfNull(builder);
        var user = string.IsNullOrEmpty(builder.Username) ? "" : builder.Username + "@";
        return $"{user}{builder.Host}:{builder.Port}/{builder.Database ?? builder.Username}";
    }

    private static NpgsqlConnectionStringBuilder Parse(string text)
    {
        if (text.Length == 0)
        {
            throw AddressFault.Unreadable("it is empty");
        }

        var builder = DatabaseUrl.TryRead(text) ?? FromKeyValues(text);
        if (string.IsNullOrEmpty(builder.Host))
        {
            builder.Host = Environment.GetEnvironmentVariable("PGHOST") is { Length: > 0 } host ? host : "localhost";
        }

        // Npgsql takes everything up to a semicolon for the host, keywords of libpq that neither knows included.
        return builder.Host.AsSpan().IndexOfAny(" =\t\r\n") < 0
            ? builder
            : throw AddressFault.Unreadable("the host has a blank or an equals sign in it; is a keyword misspelt?");
    }

    private static NpgsqlConnectionStringBuilder FromKeyValues(string text)
    {
        if (LibpqText.TryRead(text, out var pairs))
        {
            var builder = new NpgsqlConnectionStringBuilder();
            pairs.ForEach(pair => LibpqKeywords.Set(builder, pair.Name, pair.Value));
            LibpqKeywords.RequireRoots(builder, pairs.Any(pair => pair.Name == LibpqKeywords.RootCertificate));
            return builder;
        }

        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or NotSupportedException)
        {
            throw AddressFault.Unreadable(
                "it is neither a postgres:// URL nor a list of key-value pairs that libpq or Npgsql knows; "
                + "write postgres://user:password@host:5432/database");
        }
    }
}

/// <summary>A fault in an address, in one line without values; <see cref="DatabaseAddress"/> adds the configuration key.</summary>
sealed class AddressFault(string message) : Exception(message)
{
    public static AddressFault Unreadable(string reason) => new($"the database address cannot be read: {reason}");
}
