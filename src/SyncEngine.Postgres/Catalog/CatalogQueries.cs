namespace SyncEngine.Postgres.Catalog;

/// <summary>
/// The catalog queries, one constant per result set. An ordinary role may run all of them, on PostgreSQL 15 to 18. Columns that only some
/// versions have are read through <c>to_jsonb(row)</c>.
/// </summary>
static class CatalogQueries
{
    /// <summary>
    /// One line that differs after every CREATE, ALTER or DROP that a query's meaning can depend on: sums of hashes of (oid, xmin).
    /// ANALYZE and VACUUM do not change it (they update in place), temporary objects do not count.
    /// </summary>
    public const string PollFingerprint =
        """
        WITH temporary AS MATERIALIZED (SELECT oid FROM pg_catalog.pg_class WHERE relpersistence = 't')
        SELECT pg_catalog.concat_ws(',',
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 1))
             FROM pg_catalog.pg_class WHERE oid >= 16384 AND relpersistence <> 't' AND relkind IN ('r', 'p', 'v', 'm', 'f', 'c')),
          (SELECT sum(hashtextextended(concat(attrelid, ':', attnum, ':', xmin), 2))
             FROM pg_catalog.pg_attribute WHERE attrelid >= 16384 AND attnum > 0 AND attrelid NOT IN (SELECT oid FROM temporary)),
          (SELECT sum(hashtextextended(concat(adrelid, ':', adnum, ':', xmin), 3))
             FROM pg_catalog.pg_attrdef WHERE adrelid NOT IN (SELECT oid FROM temporary)),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 4))
             FROM pg_catalog.pg_type WHERE oid >= 16384
               AND typnamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_(toast_)?temp_')),
          (SELECT sum(hashtextextended(concat(indexrelid, ':', xmin), 5))
             FROM pg_catalog.pg_index WHERE indexrelid >= 16384 AND indrelid NOT IN (SELECT oid FROM temporary)),
          (SELECT sum(hashtextextended(concat(inhrelid, ':', inhparent, ':', inhseqno, ':', xmin), 6))
             FROM pg_catalog.pg_inherits WHERE inhrelid NOT IN (SELECT oid FROM temporary)),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 7)) FROM pg_catalog.pg_policy),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 8)) FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_'),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 9))
             FROM pg_catalog.pg_proc WHERE oid >= 16384
               AND pronamespace NOT IN (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname ~ '^pg_temp_')),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 10)) FROM pg_catalog.pg_enum),
          (SELECT sum(hashtextextended(concat(roleid, ':', member, ':', xmin), 11)) FROM pg_catalog.pg_auth_members),
          (SELECT sum(hashtextextended(to_jsonb(r)::text, 12)) FROM pg_catalog.pg_roles AS r),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 13)) FROM pg_catalog.pg_publication),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 14)) FROM pg_catalog.pg_publication_rel),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 15)) FROM pg_catalog.pg_publication_namespace),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 16))
             FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND ev_class NOT IN (SELECT oid FROM temporary)),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 17)) FROM pg_catalog.pg_operator WHERE oid >= 16384),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 18)) FROM pg_catalog.pg_cast WHERE oid >= 16384),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 19)) FROM pg_catalog.pg_ts_config WHERE oid >= 16384),
          (SELECT sum(hashtextextended(concat(mapcfg, ':', maptokentype, ':', mapseqno, ':', xmin), 20)) FROM pg_catalog.pg_ts_config_map),
          (SELECT sum(hashtextextended(concat(oid, ':', xmin), 21)) FROM pg_catalog.pg_ts_dict))
        """;

    /// <summary>server_version_num; text of the default collation is ordered by its UTF-8 bytes; text of a C collation is.</summary>
    public const string Server =
        """
        SELECT current_setting('server_version_num')::int4,
               pg_encoding_to_char(d.encoding) = 'UTF8'
                 AND CASE coalesce(to_jsonb(d) ->> 'datlocprovider', 'c')
                       WHEN 'c' THEN d.datcollate IN ('C', 'POSIX') WHEN 'b' THEN true ELSE false END,
               pg_encoding_to_char(d.encoding) = 'UTF8'
        FROM pg_catalog.pg_database AS d WHERE d.datname = current_database()
        """;

    /// <summary>
    /// oid, schema, name, typtype, element of a true array, base type, class of a composite, delimiter, has a cast function to json.
    /// </summary>
    public const string Types =
        """
        SELECT t.oid, n.nspname::text, t.typname::text, t.typtype,
               CASE WHEN e.typarray = t.oid THEN t.typelem ELSE 0 END::oid, t.typbasetype, t.typrelid, t.typdelim,
               t.oid >= 16384 AND EXISTS (
                 SELECT FROM pg_catalog.pg_cast AS c WHERE c.castsource = t.oid AND c.casttarget = 114 AND c.castmethod = 'f')
        FROM pg_catalog.pg_type AS t
        JOIN pg_catalog.pg_namespace AS n ON n.oid = t.typnamespace
        LEFT JOIN pg_catalog.pg_type AS e ON e.oid = t.typelem
        WHERE n.nspname !~ '^pg_(toast|temp_)'
        """;

    /// <summary>Labels in the order of their enum type.</summary>
    public const string EnumLabels = "SELECT enumtypid, enumlabel::text FROM pg_catalog.pg_enum ORDER BY enumtypid, enumsortorder";

    /// <summary>Columns of tables, views and composites: those of the tables below and of free-standing composite types.</summary>
    public const string Attributes =
        """
        SELECT a.attrelid, a.attnum, a.attname::text, a.atttypid, a.atttypmod,
               a.attnotnull AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS k
                                            WHERE k.conrelid = a.attrelid AND k.contype = 'n' AND NOT k.convalidated
                                               AND k.conkey = ARRAY[a.attnum]),
               a.attgenerated,
               coalesce(l.collisdeterministic, false),
               CASE WHEN a.attcollation = 0 THEN 'n'
                    WHEN a.attcollation = 100 THEN 'd'
                    WHEN l.collprovider = 'c' AND l.collcollate IN ('C', 'POSIX') OR l.collprovider = 'b' THEN 'c'
                    ELSE 'o' END::"char"
        FROM pg_catalog.pg_attribute AS a
        JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
        JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
        WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't'
          AND (n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' OR c.relkind = 'c')
        ORDER BY a.attrelid, a.attnum
        """;

    public const string Tables =
        """
        SELECT c.oid, n.nspname::text, c.relname::text, c.relkind, c.relpersistence, c.relreplident, c.relispartition, c.relrowsecurity
        FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.relpersistence <> 't'
          AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
        """;

    /// <summary>Primary keys and the indexes that are a replica identity.</summary>
    public const string Keys =
        """
        SELECT i.indrelid, i.indisprimary, i.indisreplident, i.indkey::int2[]
        FROM pg_catalog.pg_index AS i
        WHERE (i.indisprimary OR i.indisreplident) AND i.indisvalid AND i.indimmediate AND i.indrelid >= 16384
        """;

    public const string Children = "SELECT inhparent, inhrelid FROM pg_catalog.pg_inherits ORDER BY inhparent, inhrelid";

    /// <summary>oid, publishes every kind of change, publishes partitions as their root.</summary>
    public const string Publication =
        "SELECT oid, pubinsert AND pubupdate AND pubdelete AND pubtruncate, pubviaroot FROM pg_catalog.pg_publication WHERE pubname = $1";

    /// <summary>Member, its column list if any, has a row filter, and a number that differs after it was removed and added again.</summary>
    public const string PublishedTables =
        """
        SELECT g.relid, g.attrs::int2[], g.qual IS NOT NULL, coalesce(r.oid, 0)::oid
        FROM pg_catalog.pg_publication AS p
        CROSS JOIN LATERAL pg_catalog.pg_get_publication_tables(p.pubname::text) AS g
        LEFT JOIN pg_catalog.pg_publication_rel AS r ON r.prpubid = p.oid AND r.prrelid = g.relid
        WHERE p.pubname = $1
        """;

    /// <summary>Per relation: all of its own properties that may change an answer.</summary>
    public const string TableFingerprints =
        """
        WITH parts(relation, part) AS (
          SELECT c.oid, hashtextextended(ROW(n.nspname, n.nspowner, n.nspacl, c.relname, c.relkind, c.relpersistence, c.relreplident,
             c.relowner, c.relacl,
                                             c.relrowsecurity, c.relforcerowsecurity, c.relfilenode, c.reloptions, c.relpartbound)::text, 1)
          FROM pg_catalog.pg_class AS c JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
          WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND c.oid >= 16384
          UNION ALL
          SELECT a.attrelid, hashtextextended(ROW(a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attcollation,
             a.attgenerated, a.attacl, a.attisdropped)::text, 2)
          FROM pg_catalog.pg_attribute AS a WHERE a.attrelid >= 16384 AND a.attnum > 0
          UNION ALL
          SELECT d.adrelid, hashtextextended(ROW(d.adnum, d.adbin)::text, 3)
          FROM pg_catalog.pg_attrdef AS d JOIN pg_catalog.pg_attribute AS a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
             WHERE a.attgenerated <> ''
          UNION ALL
          SELECT i.indrelid, hashtextextended(ROW(i.indkey, i.indisprimary, i.indisreplident, i.indisvalid, i.indimmediate)::text, 4)
          FROM pg_catalog.pg_index AS i WHERE (i.indisprimary OR i.indisreplident) AND i.indrelid >= 16384
          UNION ALL
          SELECT h.inhparent, hashtextextended(ROW(h.inhrelid, to_jsonb(h) -> 'inhdetachpending', c.relpartbound)::text, 5)
          FROM pg_catalog.pg_inherits AS h JOIN pg_catalog.pg_class AS c ON c.oid = h.inhrelid
          UNION ALL
          SELECT h.inhrelid, hashtextextended(ROW(h.inhparent, h.inhseqno)::text, 6) FROM pg_catalog.pg_inherits AS h
          UNION ALL
          SELECT p.polrelid,
                 hashtextextended(ROW(p.polname, p.polcmd, p.polpermissive, p.polroles, p.polqual, p.polwithcheck)::text, 7)
          FROM pg_catalog.pg_policy AS p
          UNION ALL
          SELECT w.ev_class, hashtextextended(ROW(w.rulename, w.ev_type, w.ev_enabled, w.is_instead, w.ev_qual, w.ev_action)::text, 8)
          FROM pg_catalog.pg_rewrite AS w WHERE w.ev_class >= 16384)
        SELECT relation, hashtextextended(sum(part)::text, 0) FROM parts GROUP BY relation
        """;

    /// <summary>
    /// Everything that may change the answer of any query: memberships, roles, user-defined functions, operators, casts, enums, domains,
    /// composites, text search.
    /// </summary>
    public const string SharedFingerprint =
        """
        SELECT hashtextextended(concat_ws(',',
          (SELECT sum(hashtextextended((to_jsonb(m) - 'oid' - 'grantor')::text, 1)) FROM pg_catalog.pg_auth_members AS m),
          (SELECT sum(hashtextextended(ROW(oid, rolname, rolsuper, rolinherit, rolbypassrls)::text, 2)) FROM pg_catalog.pg_roles),
          (SELECT sum(hashtextextended(ROW(p.oid, p.proname, p.pronamespace, p.proowner, p.prolang, p.provolatile, p.proisstrict,
             p.prosecdef, p.proargtypes, p.prorettype,
                                           p.prosrc, p.probin, p.prosqlbody, p.proconfig, p.proacl)::text, 3))
           FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
              WHERE p.oid >= 16384 AND n.nspname !~ '^pg_temp_'),
          (SELECT sum(hashtextextended(ROW(oid, oprname, oprnamespace, oprleft, oprright, oprcode)::text, 4))
             FROM pg_catalog.pg_operator WHERE oid >= 16384),
          (SELECT sum(hashtextextended(ROW(castsource, casttarget, castfunc, castcontext, castmethod)::text, 5))
             FROM pg_catalog.pg_cast WHERE oid >= 16384),
          (SELECT sum(hashtextextended(ROW(enumtypid, enumlabel, enumsortorder)::text, 6)) FROM pg_catalog.pg_enum),
          (SELECT sum(hashtextextended(ROW(oid, typname, typnamespace, typbasetype, typtypmod, typnotnull, typcollation)::text, 7))
           FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e', 'r') AND oid >= 16384),
          (SELECT sum(hashtextextended(ROW(a.attrelid, a.attnum, a.attname, a.atttypid, a.atttypmod, a.attisdropped)::text, 8))
           FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid WHERE c.relkind = 'c'),
          (SELECT sum(hashtextextended(ROW(mapcfg, maptokentype, mapseqno, mapdict)::text, 9)) FROM pg_catalog.pg_ts_config_map),
          (SELECT sum(hashtextextended(ROW(oid, dictname, dictinitoption)::text, 10)) FROM pg_catalog.pg_ts_dict WHERE oid >= 16384)), 0)
        """;

    /// <summary>User-defined operators with the names of comparisons exist in the schemas of $1.</summary>
    public const string ForeignOperators =
        """
        SELECT EXISTS (
          SELECT FROM pg_catalog.pg_operator AS o JOIN pg_catalog.pg_namespace AS n ON n.oid = o.oprnamespace
          WHERE o.oid >= 16384 AND n.nspname = ANY ($1) AND o.oprname IN ('=', '<>', '<', '>', '<=', '>='))
        """;

    /// <summary>An id above that of every transaction under way.</summary>
    public const string SnapshotXmax = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text";
}
