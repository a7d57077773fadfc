import { describe, expect, it } from "vitest";
import { parameterCount, sqlTokens } from "../src/queries/sqlTokens.ts";

const kinds = (sql: string) => sqlTokens(sql).filter((token) => token.text.trim() !== "").map((token) => [token.kind, token.text.trim()]);

describe("sqlTokens", () => {
  it("loses no character", () => {
    const sql = `select "a""b", E'it\\'s', 'open, $tag$ body $tag$ /* a /* nested */ b */ -- end\n, 1.5e-3, ü, €, 😀 $1`;
    expect(sqlTokens(sql).map((token) => token.text).join("")).toBe(sql);
  });

  it("distinguishes keywords, strings, numbers, parameters and comments", () => {
    expect(kinds("SELECT body, 'it''s' FROM m WHERE id = $1 LIMIT 5 -- few")).toEqual([
      ["keyword", "SELECT"], ["text", "body,"], ["string", "'it''s'"], ["keyword", "FROM"], ["text", "m"], ["keyword", "WHERE"],
      ["text", "id ="], ["parameter", "$1"], ["keyword", "LIMIT"], ["number", "5"], ["comment", "-- few"],
    ]);
  });

  it("nests block comments as Postgres does", () => {
    expect(kinds("/* a /* b */ c */ 1")).toEqual([["comment", "/* a /* b */ c */"], ["number", "1"]]);
  });
});

describe("parameterCount", () => {
  it.each([
    ["SELECT 1", 0],
    ["SELECT $1, $1", 1],
    ["SELECT $3", 3],
    ["SELECT '$1', \"$2\" -- $3\n /* $4 */", 0],
    ["SELECT $$ $1 $$, $tag$ $2 $tag$, $2", 2],
    ["SELECT E'\\'$1', $2", 2],
    ["SELECT a$1 FROM t", 0],
    ["SELECT $$ $1", 0],
    ["SELECT $4000000000", 0],
  ])("%s mentions %i", (sql, count) => {
    expect(parameterCount(sql)).toBe(count);
  });
});
