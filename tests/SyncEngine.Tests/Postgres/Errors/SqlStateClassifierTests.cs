using Npgsql;
using SyncEngine.Errors;
using SyncEngine.Postgres.Errors;
using Xunit;

namespace SyncEngine.Tests.Postgres.Errors;

public sealed class SqlStateClassifierTests
{
    [Theory]
    [InlineData("42601", "sql_syntax_error")]
    [InlineData("42702", "sql_syntax_error")]
    [InlineData("42P01", "unknown_relation")]
    [InlineData("3F000", "unknown_relation")]
    [InlineData("42703", "unknown_column")]
    [InlineData("42883", "unknown_function")]
    [InlineData("42804", "type_mismatch")]
    [InlineData("42846", "type_mismatch")]
    [InlineData("22P02", "type_mismatch")]
    [InlineData("22003", "type_mismatch")]
    [InlineData("22007", "type_mismatch")]
    [InlineData("22008", "type_mismatch")]
    [InlineData("42P18", "type_mismatch")]
    [InlineData("08P01", "type_mismatch")]
    [InlineData("42501", "permission_denied")]
    [InlineData("0A000", "sql_unsupported")]
    [InlineData("25006", "sql_unsupported")]
    [InlineData("54001", "sql_unsupported")]
    [InlineData("57014", "query_timeout")]
    [InlineData("57P01", "source_unavailable")]
    [InlineData("57P03", "source_unavailable")]
    [InlineData("08006", "source_unavailable")]
    [InlineData("53300", "source_unavailable")]
    [InlineData("53400", "result_too_large")]
    [InlineData("22012", "query_failed")]
    [InlineData("P0001", "query_failed")]
    [InlineData("XX000", "query_failed")]
    public void A_state_has_one_code(string sqlState, string code)
    {
        Assert.Equal(code, SqlStateClassifier.CodeOf(sqlState).Name);
    }

    [Fact]
    public void Messages_positions_and_hints_pass_and_details_stay_behind()
    {
        var error = SqlStateClassifier.Classify(
            new PostgresException("column \"nme\" does not exist", "ERROR", "ERROR", "42703", detail: "Failing row contains (secret).", hint: "Perhaps you meant \"name\".", position: 28, where: "in function secret()"), 20, 30);

        Assert.Equal(
            ("column \"nme\" does not exist", "Perhaps you meant \"name\".", (string?)null, "42703", (int?)8),
            (error.Message, error.Hint, error.Detail, error.SqlState, error.Position));
    }

    [Theory]
    [InlineData(20)]
    [InlineData(51)]
    [InlineData(0)]
    public void A_position_outside_the_callers_text_is_left_out(int position)
    {
        Assert.Null(
            SqlStateClassifier.Classify(new PostgresException("m", "ERROR", "ERROR", "42601", position: position), 20, 30).Position);
    }

    [Theory]
    [InlineData("XX001", "invalid page in block 7 of relation base/5/16384", "the query failed inside PostgreSQL")]
    [InlineData("58P01", "could not open file \"base/5/16384\"", "the query failed inside PostgreSQL")]
    [InlineData("57P01", "terminating connection due to administrator command", "the database does not take queries at present")]
    public void Internals_of_the_server_are_not_disclosed(string sqlState, string message, string expected)
    {
        Assert.Equal(expected, SqlStateClassifier.Classify(new PostgresException(message, "ERROR", "ERROR", sqlState)).Message);
    }

    [Fact]
    public void An_exception_of_the_driver_is_source_unavailable_and_an_unexpected_one_internal()
    {
        Assert.Equal(
            ErrorCode.SourceUnavailable, SqlStateClassifier.Classify(new NpgsqlException("Failed to connect to 10.0.0.1:5432")).Code);
        Assert.DoesNotContain(
            "10.0.0.1", SqlStateClassifier.Classify(new NpgsqlException("Failed to connect to 10.0.0.1:5432")).Message,
            StringComparison.Ordinal);
        Assert.Equal(ErrorCode.Internal, SqlStateClassifier.Classify(new InvalidOperationException("x")).Code);
    }
}
