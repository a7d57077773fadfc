import type { ReactNode } from "react";

/** The part of Markdown that the project's pages use: headings, paragraphs, lists, tables, quotes, fenced code; code, bold and links inside a line. */
export function Markdown({ text }: { text: string }) {
  return <>{blocks(text.replaceAll("\r\n", "\n").split("\n"))}</>;
}

function blocks(lines: readonly string[]): ReactNode[] {
  const nodes: ReactNode[] = [];
  let at = 0;
  const take = (belongs: (line: string) => boolean): string[] => {
    const from = at;
    while (at < lines.length && belongs(lines[at]!)) at++;
    return lines.slice(from, at);
  };

  while (at < lines.length) {
    const line = lines[at]!;
    const key = at;
    const heading = /^(#{1,4}) +(.*)$/.exec(line);
    if (line.trim() === "") {
      at++;
    } else if (line.startsWith("```")) {
      at++;
      const code = take((next) => !next.startsWith("```"));
      at++;
      nodes.push(<pre key={key} tabIndex={0}>{code.join("\n")}</pre>);
    } else if (heading) {
      at++;
      const Heading = `h${heading[1]!.length + 1}` as "h2" | "h3" | "h4" | "h5";
      nodes.push(<Heading key={key} id={slug(heading[2]!)}>{inline(heading[2]!)}</Heading>);
    } else if (line.startsWith("|")) {
      nodes.push(<Table key={key} lines={take((next) => next.startsWith("|"))} />);
    } else if (isItem(line)) {
      nodes.push(list(take((next) => isItem(next) || /^\s+\S/.test(next)), key));
    } else if (line.startsWith(">")) {
      nodes.push(<blockquote key={key}>{blocks(take((next) => next.startsWith(">")).map((next) => next.replace(/^> ?/, "")))}</blockquote>);
    } else {
      nodes.push(<p key={key}>{inline(take((next) => next.trim() !== "" && !/^(#{1,4} |```|\||>)/.test(next) && (next === line || !isItem(next))).join(" "))}</p>);
    }
  }
  return nodes;
}

const itemStart = /^ {0,3}(?:[-*]|(\d+)\.) +/;
const isItem = (line: string) => itemStart.test(line);

// An item is its first line and the deeper lines under it, which are blocks of their own when they are a list.
function list(lines: readonly string[], key: number): ReactNode {
  const items: string[][] = [];
  for (const line of lines) {
    if (isItem(line) && (items.length === 0 || !/^ {2,}/.test(line))) items.push([line.replace(itemStart, "")]);
    else items.at(-1)!.push(line.trimStart());
  }
  const content = items.map(([first, ...others], index) => {
    const nested = others.findIndex(isItem);
    const words = nested === -1 ? others : others.slice(0, nested);
    return (
      <li key={index}>
        {inline([first!, ...words].join(" "))}
        {nested !== -1 && list(others.slice(nested), 0)}
      </li>
    );
  });
  return /^ {0,3}\d/.test(lines[0]!) ? <ol key={key}>{content}</ol> : <ul key={key}>{content}</ul>;
}

function Table({ lines }: { lines: readonly string[] }) {
  const [head = [], , ...body] = lines.map(cells);
  return (
    <table>
      <thead>
        <tr>{head.map((cell, index) => <th key={index} scope="col">{inline(cell)}</th>)}</tr>
      </thead>
      <tbody>
        {body.map((row, index) => (
          <tr key={index}>{row.map((cell, column) => <td key={column}>{inline(cell)}</td>)}</tr>
        ))}
      </tbody>
    </table>
  );
}

const cells = (line: string): string[] =>
  line.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => cell.trim().replaceAll("\\|", "|"));

function inline(text: string): ReactNode[] {
  return text.split(/(`[^`]+`|\*\*.+?\*\*|\[[^\]]+\]\([^)\s]+\))/).map((part, index) => {
    if (part.startsWith("`") && part.length > 2) return <code key={index}>{part.slice(1, -1)}</code>;
    if (part.startsWith("**") && part.length > 4) return <b key={index}>{inline(part.slice(2, -2))}</b>;
    const link = /^\[([^\]]+)\]\(([^)\s]+)\)$/.exec(part);
    if (link) return link[2]!.startsWith("#") ? <SectionLink key={index} slug={link[2]!.slice(1)} text={link[1]!} /> : <a key={index} href={destination(link[2]!)}>{inline(link[1]!)}</a>;
    return part;
  });
}

/** A link to a heading of the same page. The hash belongs to the tab, so it stays. */
function SectionLink({ slug, text }: { slug: string; text: string }) {
  return (
    <a
      href={location.hash}
      onClick={(event) => {
        event.preventDefault();
        document.getElementById(slug)?.scrollIntoView();
      }}
    >
      {inline(text)}
    </a>
  );
}

/** The id of a heading, made as GitHub makes it. */
function slug(heading: string): string {
  return heading.toLowerCase().replace(/[^\w\s-]/g, "").replaceAll(" ", "-");
}

/** Links between pages become hashes. A target that is not a page or a web address has no link. */
function destination(target: string): string | undefined {
  const page = /^(?:\.\/)?([\w-]+)\.md/.exec(target);
  if (page) return `#/docs?${page[1]}`;
  return /^https?:/.test(target) ? target : undefined;
}
