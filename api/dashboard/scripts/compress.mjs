// Writes FILE.gz and FILE.br beside each text file of the build, as small as they get, where that saves
// anything. wavefleet-api sends them to who accepts them.
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

const out = process.env.DASHBOARD_OUT ?? new URL('../../../build/dashboard', import.meta.url).pathname;
const texts = /\.(html|js|css|svg|json|txt|webmanifest)$/;

async function* files(folder) {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* files(path);
    else if (texts.test(entry.name)) yield path;
  }
}

for await (const path of files(out)) {
  const text = await readFile(path);
  const variants = {
    gz: gzipSync(text, { level: 9 }),
    br: brotliCompressSync(text, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: text.length } }),
  };
  for (const [end, bytes] of Object.entries(variants)) {
    if (bytes.length < text.length) await writeFile(`${path}.${end}`, bytes);
  }
}
