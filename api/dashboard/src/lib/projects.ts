// What a person pasted or dropped as the projects of a wave: one name a line, or a CSV table whose columns
// are `project` (or `mb_project_uuid`) and, where wanted, `brz_project_id`. Everything that the API would
// refuse is found here first, with its line.
import Papa from 'papaparse';

export const PROJECTS_MAX = 1_000_000;
export const NAME_MAX_BYTES = 1024;

export interface Project {
  project: string;
  brz_project_id?: number;
}

export type BadReason = 'tooLong' | 'control' | 'encoding' | 'quote' | 'target' | 'noName' | 'tooMany';

export interface BadLine {
  line: number;
  /** How many from that one on belong to it. */
  lines: number;
  text: string;
  reason: BadReason;
}

export interface ProjectList {
  projects: Project[];
  duplicates: { line: number; name: string; first: number }[];
  bad: BadLine[];
  /** Whether it was read as a table. */
  csv: boolean;
  /** Whether each line was taken for one name though it looks like a row of a table. */
  commas: boolean;
}

const NAME_COLUMNS = ['project', 'mb_project_uuid', 'project_uuid', 'name'];
const TARGET_COLUMNS = ['brz_project_id', 'target', 'target_id'];
const SEPARATORS = ['\t', ';', ','];
const SHOWN = 80;
const LINE_END = /\r\n|\n|\r/g;

const encoder = new TextEncoder();
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f]/;
/** What a browser makes of bytes that are no UTF-8, as of a table saved in a Windows code page. */
const NOT_UTF8 = '\uFFFD';

interface Row {
  line: number;
  /** Lines that it stands on: a quoted cell may hold line ends. */
  lines: number;
  name: string;
  target?: string;
  /** A quote that is opened and not closed as it should be. */
  quote?: boolean;
}

const plain = (lines: string[]): Row[] => lines.map((name, i) => ({ line: i + 1, lines: 1, name }));

const lineEnds = (cell: string) => cell.match(LINE_END)?.length ?? 0;

/** The rows of a table with a known header, or of one whose second column holds nothing but ids. */
function table(text: string, first: string): Row[] | null {
  const delimiter = SEPARATORS.find((s) => first.includes(s)) ?? ',';
  const { data, errors } = Papa.parse<string[]>(text, { delimiter });
  const filled = data.filter((row) => row.some((cell) => cell.trim()));
  const header = filled[0]?.map((cell) => cell.trim().toLowerCase()) ?? [];
  const nameAt = header.findIndex((cell) => NAME_COLUMNS.includes(cell));
  if (nameAt < 0 && !filled.every((row) => row.length === 2 && /^\s*\d+\s*$/.test(row[1] ?? ''))) return null;
  const targetAt = nameAt < 0 ? 1 : header.findIndex((cell) => TARGET_COLUMNS.includes(cell));
  const quotes = new Set(errors.filter((e) => e.type === 'Quotes').map((e) => e.row));
  let line = 1;
  const rows = data.map((row, i): Row => {
    const lines = row.reduce((n, cell) => n + lineEnds(cell), 1);
    line += lines;
    return {
      line: line - lines,
      lines,
      name: row[Math.max(0, nameAt)] ?? '',
      target: targetAt < 0 ? undefined : row[targetAt]?.trim(),
      quote: quotes.has(i),
    };
  });
  return nameAt < 0 ? rows : rows.filter((_, i) => data[i] !== filled[0]);
}

function mistake(name: string, { target, quote }: Row): BadReason | null {
  if (quote) return 'quote';
  if (!name) return 'noName';
  if (name.includes(NOT_UTF8)) return 'encoding';
  if (CONTROL.test(name)) return 'control';
  if (name.length > NAME_MAX_BYTES / 4 && encoder.encode(name).length > NAME_MAX_BYTES) return 'tooLong';
  if (target && !(/^\d{1,16}$/.test(target) && Number(target) > 0 && Number.isSafeInteger(Number(target)))) return 'target';
  return null;
}

export function readProjects(input: string): ProjectList {
  const text = input.replace(/^\uFEFF/, '');
  const lines = text.split(LINE_END);
  const first = lines.find((l) => l.trim()) ?? '';
  const rows = first ? table(text, first) : null;
  const list: ProjectList = { projects: [], duplicates: [], bad: [], csv: rows !== null, commas: false };
  const seen = new Map<string, number>();
  for (const row of rows ?? plain(lines)) {
    const name = row.name.trim();
    if (!name && !row.target) continue;
    const reason = list.projects.length >= PROJECTS_MAX ? 'tooMany' : mistake(name, row);
    const first = seen.get(name);
    if (reason) {
      list.bad.push({ line: row.line, lines: row.lines, text: (name || row.target || '').slice(0, SHOWN), reason });
    } else if (first !== undefined) {
      list.duplicates.push({ line: row.line, name, first });
    } else {
      seen.set(name, row.line);
      list.projects.push(row.target ? { project: name, brz_project_id: Number(row.target) } : { project: name });
    }
  }
  list.commas = !list.csv && list.projects.length > 1 && list.projects.every((p) => SEPARATORS.some((s) => p.project.includes(s)));
  return list;
}

/** The text without its bad lines. */
export function withoutBad(input: string, bad: BadLine[]): string {
  const gone = new Set(bad.flatMap(({ line, lines }) => Array.from({ length: lines }, (_, i) => line + i)));
  return input.split(LINE_END).filter((_, i) => !gone.has(i + 1)).join('\n');
}

/** The member of POST /api/waves: plain names where nothing more is known of any. */
export const asBody = (projects: Project[]) =>
  projects.some((p) => p.brz_project_id !== undefined)
    ? { projects }
    : { project_uuids: projects.map((p) => p.project) };
