using System.Globalization;
using System.Numerics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using SyncEngine.Values;
using Xunit;

namespace SyncEngine.Tests.Values;

public sealed class ValueComparerTests
{
    [Fact]
    public void Integers_compare_as_numbers() => Prop.ForAll(ArbMap.Default.ArbFor<long>(), ArbMap.Default.ArbFor<int>(), (left, right) =>
        Agrees(TypeOid.Int8, Text(left), Text(right), left.CompareTo(right)) && Agrees(TypeOid.Int4, Text(left), Text(left), 0))
        .Check(Properties.Quiet);

    [Fact]
    public void Numerics_compare_by_value_whatever_their_scale() => Prop.ForAll(
        ArbMap.Default.ArbFor<(BigInteger Digits, byte Scale)>(), ArbMap.Default.ArbFor<(BigInteger Digits, byte Scale)>(), (left, right) =>
        {
            var (leftScale, rightScale) = (left.Scale % 12, right.Scale % 12);
            var expected = (left.Digits * BigInteger.Pow(10, rightScale)).CompareTo(right.Digits * BigInteger.Pow(10, leftScale));
            var padded = left.Digits * 1000;
            return Agrees(TypeOid.Numeric, NumericText(left.Digits, leftScale), NumericText(right.Digits, rightScale), expected)
                && Agrees(TypeOid.Numeric, NumericText(left.Digits, leftScale), NumericText(padded, leftScale + 3), 0);
        }).Check(Properties.Quiet);

    [Fact]
    public void Timestamps_compare_as_moments() =>
        Prop.ForAll(ArbMap.Default.ArbFor<DateTime>(), ArbMap.Default.ArbFor<DateTime>(), (left, right) =>
    {
        left = left.AddTicks(-(left.Ticks % 10));
        right = right.AddTicks(-(right.Ticks % 10));
        return Agrees(TypeOid.Timestamp, TimestampText(left), TimestampText(right), left.CompareTo(right))
            && Agrees(TypeOid.TimestampTz, TimestampText(left) + "+00", TimestampText(right) + "+00", left.CompareTo(right))
            && Agrees(TypeOid.Date, TimestampText(left)[..10], TimestampText(right)[..10], left.Date.CompareTo(right.Date));
    }).Check(Properties.Quiet);

    [Theory]
    [InlineData(
        TypeOid.Numeric, "-Infinity", "-1000000", "-999999.99999", "-1.1", "-1.01", "-0.001", "0", "0.0001", "0.1", "1", "9.99", "10",
        "Infinity", "NaN")]
    [InlineData(TypeOid.Int8, "-9223372036854775808", "-2", "-1", "0", "2", "10", "9223372036854775807")]
    [InlineData(TypeOid.Bool, "f", "t")]
    [InlineData(
        TypeOid.Uuid, "00000000-0000-0000-0000-000000000009", "00000000-0000-0000-0000-00000000000a", "a0000000-0000-0000-0000-000000000000")]
    [InlineData(TypeOid.Text, "", "A", "AB", "a", "a b", "b", "é", "\uFFFD", "😀")]
    [InlineData(
        TypeOid.Date, "-infinity", "4714-11-24 BC", "0044-03-15 BC", "0001-12-31 BC", "0001-01-01", "2000-02-29", "2000-03-01",
        "9999-12-31", "10000-01-01", "5874897-12-31", "infinity")]
    [InlineData(
        TypeOid.Timestamp, "-infinity", "4714-11-24 00:00:00 BC", "0001-12-31 23:59:59.999999 BC", "0001-01-01 00:00:00",
        "2020-01-01 00:00:00", "2020-01-01 00:00:00.000001", "2020-01-01 00:00:00.1", "294276-12-31 23:59:59.999999", "infinity")]
    [InlineData(
        TypeOid.TimestampTz, "-infinity", "4714-11-24 00:00:00+00 BC", "0044-03-15 10:00:00+00 BC", "2020-01-01 00:00:00+00",
        "10000-01-01 00:00:00+00", "infinity")]
    public void Values_sort_as_listed(uint oid, params string[] ascending)
    {
        for (var i = 0; i < ascending.Length; i++)
        {
            for (var j = 0; j < ascending.Length; j++)
            {
                Assert.True(Agrees(oid, ascending[i], ascending[j], i.CompareTo(j)), $"{ascending[i]} and {ascending[j]}");
            }
        }
    }

    [Theory]
    [InlineData("1.10", "1.1")]
    [InlineData("0.00", "0")]
    [InlineData("100", "100.000")]
    [InlineData("-5.0", "-5")]
    public void Equal_numerics_share_one_key(string left, string right)
    {
        Assert.True(Agrees(TypeOid.Numeric, left, right, 0));
        Assert.False(Comparer(TypeOid.Numeric).EqualityKey("10"u8).SequenceEqual(Comparer(TypeOid.Numeric).EqualityKey("1"u8)));
    }

    [Theory]
    [InlineData(TypeOid.Float8)]
    [InlineData(TypeOid.BpChar)]
    [InlineData(TypeOid.Jsonb)]
    [InlineData(TypeOid.Interval)]
    [InlineData(TypeOid.Bytea)]
    public void Types_whose_order_is_left_to_PostgreSQL_have_no_comparer(uint oid)
    {
        Assert.Null(ValueComparer.For(Types.Base(oid)));
        Assert.Null(ValueComparer.For(Types.ArrayOf(Types.Base(TypeOid.Int4))));
    }

    [Fact]
    public void A_domain_compares_as_its_base_type_and_only_text_is_collated()
    {
        Assert.Same(Comparer(TypeOid.Numeric), ValueComparer.For(Types.DomainOver(Types.DomainOver(Types.Base(TypeOid.Numeric)))));
        Assert.True(Comparer(TypeOid.VarChar).IsCollated);
        Assert.False(Comparer(TypeOid.Uuid).IsCollated);
    }

    [Theory]
    [InlineData(TypeOid.Int4, "1x")]
    [InlineData(TypeOid.Date, "01/02/2020")]
    [InlineData(TypeOid.TimestampTz, "2020-01-01 00:00:00+09")]
    public void Text_that_is_not_canonical_is_an_error(uint oid, string text) =>
        Assert.Throws<FormatException>(() => Comparer(oid).Compare(Encoding.UTF8.GetBytes(text), Encoding.UTF8.GetBytes(text)));

    private static bool Agrees(uint oid, string left, string right, int expected)
    {
        var comparer = Comparer(oid);
        var (first, second) = (Encoding.UTF8.GetBytes(left), Encoding.UTF8.GetBytes(right));
        return Math.Sign(comparer.Compare(first, second)) == Math.Sign(expected)
            && Math.Sign(comparer.Compare(second, first)) == -Math.Sign(expected)
            && comparer.AreEqual(first, second) == (expected == 0)
            && comparer.EqualityKey(first).SequenceEqual(comparer.EqualityKey(second)) == (expected == 0);
    }

    private static ValueComparer Comparer(uint oid) => ValueComparer.For(Types.Base(oid))!;

    private static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static string NumericText(BigInteger digits, int scale)
    {
        var magnitude = BigInteger.Abs(digits).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        var sign = digits.Sign < 0 ? "-" : "";
        return scale == 0 ? sign + magnitude : $"{sign}{magnitude[..^scale]}.{magnitude[^scale..]}";
    }

    private static string TimestampText(DateTime value) =>
        value.ToString("yyyy-MM-dd HH:mm:ss.ffffff", CultureInfo.InvariantCulture).TrimEnd('0').TrimEnd('.') is var text && text.Length < 19
            ? value.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture)
            : text;
}
