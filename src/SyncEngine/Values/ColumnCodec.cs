using SyncEngine.Values.Codecs;

namespace SyncEngine.Values;

/// <summary>
/// Turns PostgreSQL's text of one type into the JSON that <c>to_json</c> gives, except that int8 and numeric are strings, exact in
/// JavaScript.
/// </summary>
/// <remarks>
/// The text is UTF-8 written under TimeZone=UTC, DateStyle=ISO, IntervalStyle=postgres, extra_float_digits=1, bytea_output=hex; never NULL.
/// Stateless and shared; a value allocates nothing once the output has grown.
/// Source: json_categorize_type and datum_to_json in PostgreSQL's json.c.
/// </remarks>
public abstract class ColumnCodec
{
    /// <summary>
    /// <see cref="Write"/> takes the type's own text. It does not for composites, types with a cast to json, and arrays and domains of those:
    /// for them the query selects <c>to_json(column)::text</c>, and the stream's text cannot be used.
    /// </summary>
    public virtual bool IsNative => true;

    public static ColumnCodec For(SqlType type)
    {
        var below = type.Underlying;
        return below.Oid switch
        {
            TypeOid.Bool => BooleanCodec.Instance,
            TypeOid.Int2 or TypeOid.Int4 or TypeOid.Float4 or TypeOid.Float8 => NumberCodec.Instance,
            TypeOid.Int8 or TypeOid.Numeric => ExactNumberCodec.Instance,
            TypeOid.Timestamp or TypeOid.TimestampTz => TimestampCodec.Instance,
            TypeOid.Json or TypeOid.Jsonb => JsonCodec.Native,
            VectorCodec.Int2VectorOid => VectorCodec.OfNumbers,
            VectorCodec.OidVectorOid => VectorCodec.OfStrings,
            _ => ByKind(below),
        };
    }

    /// <summary>Appends the value's JSON.</summary>
    public abstract void Write(ReadOnlySpan<byte> text, Utf8Buffer output);

    private static ColumnCodec ByKind(SqlType type)
    {
        switch (type.Kind)
        {
            case SqlTypeKind.Composite or SqlTypeKind.Pseudo:
                return JsonCodec.FromToJson;
            case SqlTypeKind.Array:
                return type.Element is not null && For(type.Element) is { IsNative: true } element
                    ? new ArrayCodec(element, (byte)type.Delimiter)
                    : JsonCodec.FromToJson;
            default:
                return type.HasJsonCast ? JsonCodec.FromToJson : StringCodec.Instance;
        }
    }
}
