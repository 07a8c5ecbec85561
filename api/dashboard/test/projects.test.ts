import { describe, expect, it } from 'vitest';
import { asBody, NAME_MAX_BYTES, readProjects, withoutBad } from '../src/lib/projects';

const names = (text: string) => readProjects(text).projects.map((p) => p.project);

describe('one name a line', () => {
  it('trims, drops empty lines, takes every line end', () => {
    expect(names(' a \r\nb\n\n\tc\rd  ')).toEqual(['a', 'b', 'c', 'd']);
  });
  it('takes nothing for nothing', () => {
    expect(readProjects('')).toEqual({ projects: [], duplicates: [], bad: [], csv: false, commas: false });
    expect(readProjects(' \n\n ').projects).toEqual([]);
  });
  it('keeps what only looks like a table', () => {
    expect(names('shop, old\nblog; "new"\n')).toEqual(['shop, old', 'blog; "new"']);
  });
  it('drops a byte order mark', () => {
    expect(names('\uFEFFa\nb')).toEqual(['a', 'b']);
  });
  it('says where a duplicate stands and where the first', () => {
    const list = readProjects('a\nb\n a\n\na');
    expect(list.projects).toHaveLength(2);
    expect(list.duplicates).toEqual([{ line: 3, name: 'a', first: 1 }, { line: 5, name: 'a', first: 1 }]);
  });
  it('names of other scripts are names', () => {
    expect(names('проект\n项目')).toEqual(['проект', '项目']);
  });
  it('finds what is no UTF-8, as of a table saved in a Windows code page', () => {
    const windows1251 = new Uint8Array([0xef, 0xf0, 0xee, 0xe5, 0xea, 0xf2, 0x0a, 0x6f, 0x6b]);
    const list = readProjects(new TextDecoder().decode(windows1251));
    expect(list.bad.map((b) => [b.line, b.reason])).toEqual([[1, 'encoding']]);
    expect(list.projects).toEqual([{ project: 'ok' }]);
  });
  it('says so where every line looks like a row of a table that names no columns', () => {
    expect(readProjects('uuid,brz\na,x\nb,2').commas).toBe(true);
    expect(readProjects('shop, old\nblog').commas).toBe(false);
    expect(readProjects('project,brz_project_id\na,1').commas).toBe(false);
  });
  it('finds lines that the API would refuse', () => {
    const long = 'ж'.repeat(NAME_MAX_BYTES / 2 + 1);
    const list = readProjects(`ok\n${long}\na\u0001b`);
    expect(list.bad.map((b) => [b.line, b.reason])).toEqual([[2, 'tooLong'], [3, 'control']]);
    expect(list.bad[0]!.text.length).toBeLessThanOrEqual(80);
  });
});

describe('a table', () => {
  it('with a header, in any order and with any of three separators', () => {
    for (const s of [',', ';', '\t']) {
      const list = readProjects(`brz_project_id${s}project\n12${s}a\n${s}b\n`);
      expect(list.csv).toBe(true);
      expect(list.projects).toEqual([{ project: 'a', brz_project_id: 12 }, { project: 'b' }]);
    }
  });
  it('with a header of one column', () => {
    expect(readProjects('mb_project_uuid\na\nb').projects).toEqual([{ project: 'a' }, { project: 'b' }]);
  });
  it('without one, where every second cell is an id', () => {
    expect(readProjects('a,1\nb,2').projects).toEqual([{ project: 'a', brz_project_id: 1 }, { project: 'b', brz_project_id: 2 }]);
    expect(readProjects('a,1\nb,x').csv).toBe(false);
  });
  it('quoted cells keep separators and line ends count', () => {
    const list = readProjects('project,brz_project_id\n"a, b",1\nc,none\nc,0\n,5');
    expect(list.projects).toEqual([{ project: 'a, b', brz_project_id: 1 }]);
    expect(list.bad.map((b) => [b.line, b.reason])).toEqual([[3, 'target'], [4, 'target'], [5, 'noName']]);
  });
});

describe('bad lines', () => {
  it('a quote that is never closed is one, and takes all behind it with it', () => {
    const text = 'project,brz_project_id\na,1\n"b,2\nc,3\n';
    const { bad, projects } = readProjects(text);
    expect(projects).toEqual([{ project: 'a', brz_project_id: 1 }]);
    expect(bad.map((b) => [b.line, b.reason])).toEqual([[3, 'quote']]);
  });
  it('are counted in lines of the file, and left out whole, where a cell holds line ends', () => {
    const text = 'project,brz_project_id\n"a\nb",1\n"c\nd",x\ne,3';
    const { bad } = readProjects(text);
    expect(bad.map((b) => [b.line, b.lines, b.reason])).toEqual([[4, 2, 'target']]);
    expect(withoutBad(text, bad)).toBe('project,brz_project_id\n"a\nb",1\ne,3');
  });
});

describe('the body of the call', () => {
  it('is a list of names where nothing more is known', () => {
    expect(asBody([{ project: 'a' }, { project: 'b' }])).toEqual({ project_uuids: ['a', 'b'] });
  });
  it('is a list of objects where a target is', () => {
    expect(asBody([{ project: 'a', brz_project_id: 1 }])).toEqual({ projects: [{ project: 'a', brz_project_id: 1 }] });
  });
});

it('reads a hundred thousand lines in well under a second', () => {
  const text = Array.from({ length: 100_000 }, (_, i) => `project-${i}`).join('\n');
  const begin = performance.now();
  expect(readProjects(text).projects).toHaveLength(100_000);
  expect(performance.now() - begin).toBeLessThan(1000);
});
