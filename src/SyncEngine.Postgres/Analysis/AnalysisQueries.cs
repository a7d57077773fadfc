namespace SyncEngine.Postgres.Analysis;

/// <summary>The analyst's own queries, run in its transaction after the caller's query has been prepared and planned.</summary>
static class AnalysisQueries
{
    /// <summary>
    /// Stores the relations that this transaction has locked in a setting, before the statements below lock the catalogs that they read. It
    /// reads functions only, so it locks nothing itself. Second column: a lock is stronger than a read takes (FOR UPDATE, a data-modifying
    /// CTE).
    /// </summary>
    public const string StoreLocked =
        """
        SELECT pg_catalog.set_config('sync.locked', '{' || coalesce(string_agg(DISTINCT l.relation::text, ','), '') || '}', true),
               coalesce(bool_or(l.mode <> 'AccessShareLock'), false)
        FROM pg_catalog.pg_lock_status() AS l WHERE l.pid = pg_catalog.pg_backend_pid() AND l.locktype = 'relation'
        """;

    /// <summary>The locked relations except indexes: oid, kind, schema, name, policies apply, has policies.</summary>
    public const string Locked =
        """
        SELECT c.oid, c.relkind, n.nspname::text, c.relname::text,
               c.relkind IN ('r', 'p') AND row_security_active(c.oid), c.relrowsecurity
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.oid = ANY (current_setting('sync.locked')::oid[]) AND c.relkind NOT IN ('i', 'I', 't')
        """;

    /// <summary>
    /// The facts about function p in namespace n with body b: schema, name, volatility, takes one argument (other than an xid: age(xid)
    /// reads no clock), opaque, names the clock. A stable user-defined function is opaque unless it is plain SQL that names no table and
    /// calls no function that could: such functions read settings, as policies do, and nothing else.
    /// </summary>
    private const string Facts =
        """
        n.nspname::text, p.proname::text, p.provolatile, p.pronargs = 1 AND p.proargtypes[0] <> 28,
               n.nspname <> 'pg_catalog' AND p.provolatile = 's' AND NOT (
                 (SELECT lanname FROM pg_catalog.pg_language WHERE oid = p.prolang) = 'sql'
                 AND octet_length(b.text) = char_length(b.text)
                 AND b.text !~* '\m(from|table)\M|"|--|/[*]'
                 AND NOT EXISTS (
                   SELECT FROM regexp_matches(b.text, '([a-z_][a-z0-9_$]*)\s*[(]', 'gi') AS f(name)
                   JOIN pg_catalog.pg_proc AS q ON q.proname = lower(f.name[1])
                   WHERE q.provolatile = 'v' OR q.provolatile = 's' AND q.pronamespace <> 'pg_catalog'::regnamespace)),
               n.nspname <> 'pg_catalog' AND p.provolatile = 's'
                 AND b.text ~* ('\m(now|transaction_timestamp|statement_timestamp|current_date|current_time|current_timestamp'
                   || '|localtime|localtimestamp|age)\M')
        """;

    private const string Body = "CROSS JOIN LATERAL (SELECT coalesce(pg_catalog.pg_get_function_sqlbody(p.oid), p.prosrc)) AS b(text)";

    /// <summary>
    /// $1 schemas (or NULL), $2 names of possible calls, $3 their notation (FunctionCallKind): ordinal and the facts. A name in attribute
    /// notation calls user-defined functions only; a user-defined operator is judged by its function.
    /// </summary>
    public const string Called =
        $"""
        SELECT c.ordinal::int4, {Facts}
        FROM unnest($1::text[], $2::text[], $3::int4[]) WITH ORDINALITY AS c(schema, name, kind, ordinal)
        JOIN pg_catalog.pg_proc AS p ON p.proname = c.name AND (c.kind = 0 OR c.kind = 1 AND p.oid >= 16384)
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
          AND CASE WHEN c.schema IS NULL THEN n.nspname = ANY (current_schemas(true)) ELSE n.nspname = c.schema END
        {Body}
        UNION ALL
        SELECT c.ordinal::int4, {Facts}
        FROM unnest($1::text[], $2::text[], $3::int4[]) WITH ORDINALITY AS c(schema, name, kind, ordinal)
        JOIN pg_catalog.pg_operator AS o ON c.kind = 2 AND o.oprname = c.name AND o.oid >= 16384
        JOIN pg_catalog.pg_proc AS p ON p.oid = o.oprcode
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        {Body}
        """;

    /// <summary>
    /// Functions that the locked views and policies call, operators' functions included: the caller and the facts.
    /// Clock keywords have a NULL schema. A node that no live query may contain has its kind as name and no volatility.
    /// </summary>
    public const string CalledWithin =
        $$"""
        WITH trees(place, tree) AS (
          SELECT format('view "%s.%s"', n.nspname, c.relname), w.ev_action::text
          FROM pg_catalog.pg_rewrite AS w
          JOIN pg_catalog.pg_class AS c ON c.oid = w.ev_class
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE c.relkind = 'v' AND c.oid = ANY (current_setting('sync.locked')::oid[])
          UNION ALL
          SELECT format('policy "%s" of table "%s.%s"', p.polname, n.nspname, c.relname), p.polqual::text
          FROM pg_catalog.pg_policy AS p
          JOIN pg_catalog.pg_class AS c ON c.oid = p.polrelid
          JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE c.relrowsecurity AND p.polcmd IN ('r', '*') AND c.oid = ANY (current_setting('sync.locked')::oid[]))
        SELECT DISTINCT t.place, {{Facts}}
        FROM trees AS t
        CROSS JOIN LATERAL regexp_matches(t.tree, ':(?:funcid|opfuncid|aggfnoid|winfnoid) (\d+)', 'g') AS f(found)
        JOIN pg_catalog.pg_proc AS p ON p.oid = f.found[1]::oid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
        {{Body}}
        UNION ALL
        SELECT t.place, NULL, 'current_timestamp', 's'::"char", false, false, true
        FROM trees AS t WHERE t.tree ~ '\{SQLVALUEFUNCTION :op [0-8] '
        UNION ALL
        SELECT t.place, NULL, CASE k.node WHEN 'TABLESAMPLECLAUSE' THEN 'TABLESAMPLE' ELSE 'FOR UPDATE' END,
               ' '::"char", false, false, false
        FROM trees AS t JOIN (VALUES ('TABLESAMPLECLAUSE'), ('ROWMARKCLAUSE')) AS k(node) ON strpos(t.tree, '{' || k.node || ' ') > 0
        """;
}
