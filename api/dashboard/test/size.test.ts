// What a browser fetches before it shows the first page, as the build has compressed it.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { expect, it } from 'vitest';

const LIMIT = 200_000;
const out = `${process.env.DASHBOARD_OUT ?? new URL('../../../build/dashboard', import.meta.url).pathname}/`;
const assets = () => readdirSync(`${out}assets`).filter((f) => /\.(js|css)$/.test(f));

/** The file and what it imports at once; what it may import later stands behind `import(`. */
function withImports(file: string, found = new Set<string>()): Set<string> {
  if (found.has(file)) return found;
  found.add(file);
  const text = readFileSync(`${out}assets/${file}`, 'utf8');
  for (const [, name] of text.matchAll(/(?:from|import)\s*"\.\/([^"]+)"/g)) withImports(name!, found);
  return found;
}

const compressed = (path: string) => statSync(existsSync(`${path}.gz`) ? `${path}.gz` : path).size;

it('the first view is under 200 kB, even for a browser that knows gzip only', () => {
  const index = readFileSync(`${out}index.html`, 'utf8');
  const named = [...index.matchAll(/(?:src|href)="\/assets\/([^"]+)"/g)].map((m) => m[1]!);
  const later = assets().filter((f) => /^(waves|en|ru|sign-in)-.*\.js$/.test(f));
  const wanted = new Set([...named, ...later].flatMap((f) => [...withImports(f)]));
  const css = assets().filter((f) => /^(index|waves|sign-in)-.*\.css$/.test(f));
  const total = [...wanted, ...css].reduce((sum, f) => sum + compressed(`${out}assets/${f}`), compressed(`${out}index.html`));
  expect(named.length).toBeGreaterThanOrEqual(2);
  expect(later.length).toBeGreaterThanOrEqual(4);
  expect(total).toBeGreaterThan(50_000);
  expect(total).toBeLessThan(LIMIT);
});

it('has nothing inline and nothing from elsewhere', () => {
  const index = readFileSync(`${out}index.html`, 'utf8');
  expect(index).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|https?:/);
});

it('has a compressed form of every text beside it', () => {
  for (const file of assets()) {
    const path = `${out}assets/${file}`;
    if (statSync(path).size > 1000) expect([file, existsSync(`${path}.gz`), existsSync(`${path}.br`)]).toEqual([file, true, true]);
  }
});
