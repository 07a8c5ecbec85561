// Both languages say everything, with every plural form that they have.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

const root = new URL('../src/', import.meta.url).pathname;
type Texts = { [key: string]: string | Texts };
const PLURAL = /_(zero|one|two|few|many|other)$/;

const files = (language: string) => readdirSync(`${root}i18n/${language}`).sort();
const read = (language: string, file: string): Texts => JSON.parse(readFileSync(`${root}i18n/${language}/${file}`, 'utf8'));

function flat(texts: Texts, prefix = ''): Map<string, string> {
  const all = new Map<string, string>();
  for (const [key, value] of Object.entries(texts)) {
    if (typeof value === 'string') all.set(prefix + key, value);
    else for (const [k, v] of flat(value, `${prefix}${key}.`)) all.set(k, v);
  }
  return all;
}

/** Keys without their plural ending, and which endings each has. */
function forms(texts: Map<string, string>): Map<string, Set<string>> {
  const all = new Map<string, Set<string>>();
  for (const key of texts.keys()) {
    const ending = PLURAL.exec(key)?.[1];
    const stem = key.replace(PLURAL, '');
    const set = all.get(stem) ?? new Set();
    if (ending) set.add(ending);
    all.set(stem, set);
  }
  return all;
}

const variables = (text: string) => [...new Set([...text.matchAll(/{{(\w+)}}/g)].map((m) => m[1]))].sort();

describe.each(files('en'))('%s', (file) => {
  const en = flat(read('en', file));
  const ru = flat(read('ru', file));
  it('has the same keys in both languages', () => {
    expect([...forms(ru).keys()].sort()).toEqual([...forms(en).keys()].sort());
  });
  it.each(['en', 'ru'])('has every plural form of %s', (language) => {
    const wanted = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [stem, has] of forms(language === 'en' ? en : ru)) {
      if (has.size) expect([stem, ...wanted.filter((w) => !has.has(w))]).toEqual([stem]);
    }
  });
  it('leaves no text empty and fills in the same in both', () => {
    for (const [key, text] of [...en, ...ru]) expect([key, text.trim() !== '']).toEqual([key, true]);
    const filled = (texts: Map<string, string>) =>
      new Map([...texts].map(([key, text]) => [key.replace(PLURAL, ''), variables(text).filter((v) => v !== 'count').join()]));
    const other = filled(ru);
    for (const [key, names] of filled(en)) expect([key, other.get(key)]).toEqual([key, names]);
  });
});

it('has the same files in both languages', () => {
  expect(files('ru')).toEqual(files('en'));
});

it('knows every key that the source names', () => {
  const known = new Set<string>();
  for (const file of files('en')) {
    const namespace = file.replace('.json', '');
    for (const stem of forms(flat(read('en', file))).keys()) known.add(`${namespace}:${stem}`);
  }
  const sources = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.tsx'));
  const missing: string[] = [];
  for (const file of sources) {
    const text = readFileSync(root + file, 'utf8');
    const spaces = [...new Set([...text.matchAll(/useTranslation\((?:'(\w+)')?\)/g)].map((m) => m[1] ?? 'common'))];
    for (const [, key] of text.matchAll(/\bt\(\s*'([\w.:]+)'/g)) {
      const found = key!.includes(':') ? known.has(key!) : spaces.some((s) => known.has(`${s}:${key}`));
      if (!found) missing.push(`${file}: ${key}`);
    }
  }
  expect(missing).toEqual([]);
});
