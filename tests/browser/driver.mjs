// What flows work with: pages of people who are signed in, calls to the API past the dashboard, pictures,
// and a judgement of everything that the pages complained about.
import { strict as assert } from 'node:assert';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { chromium } from 'playwright-core';

const { URL: url, TOKEN, PASSWORD, SCREENSHOTS, THROTTLE } = process.env;

const WORK = Array.from({ length: 20_000 }, (_, i) => ({ id: i, name: `project-${i}`, state: 'completed', at: '2026-01-01T00:00:00Z' }));
const WORK_MS = 77; // the least that it took on a machine on which the first view took 0.94 to 1.1 s

/** How many times slower than that one this machine is at this moment: 1 to 4. */
export function pace() {
  const begun = performance.now();
  for (let i = 0; i < 5; i++) JSON.parse(JSON.stringify(WORK));
  return Math.min(4, Math.max(1, (performance.now() - begun) / WORK_MS));
}

export const slow = Number(process.env.SLOW ?? 1);
export const origin = url;
export const password = PASSWORD;
export const token = TOKEN;

const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// What a page may say: that the API refused something is shown to the person, and the browser notes it too.
const EXPECTED = /Failed to load resource: the server responded with a status of (401|403|404|409|422|429|503)/;

export async function until(look, what, ms = 15_000) {
  const end = Date.now() + ms * slow;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) assert.fail(`${what} did not come within ${ms * slow} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** What a page asks of the API from now on, but for the stream of events. `quiet` waits until all of it is answered and
    nothing follows, and forgets it. */
export function callsOf(page) {
  const asked = [];
  const open = new Set();
  page.on('request', (r) => {
    if (r.url().includes('/api/') && !r.url().includes('/api/events')) asked.push(r.url()), open.add(r);
  });
  for (const end of ['requestfinished', 'requestfailed']) page.on(end, (r) => open.delete(r));
  page.on('domcontentloaded', () => open.clear()); // of what the page before has asked nothing is told
  const quiet = () => until(async () => {
    const before = asked.length;
    await page.evaluate(() => new Promise((resolve) => setTimeout(resolve, 600))); // behind what it has put off itself
    return open.size === 0 && asked.length === before;
  }, 'the end of what is asked');
  return { asked, quiet: async () => (await quiet(), (asked.length = 0)) };
}

/** The one in the middle: a machine that stood still for a moment has spoilt one or two, not most. */
export const median = (all) => [...all].sort((a, b) => a - b)[all.length >> 1];

/** A way to the API that can be cut and mended. */
export async function tunnel() {
  const target = new URL(url);
  const open = new Set();
  let whole = true;
  const server = createServer((near) => {
    if (!whole) return near.destroy();
    const far = connect(Number(target.port), target.hostname);
    for (const [a, b] of [[near, far], [far, near]]) {
      open.add(a);
      a.pipe(b);
      a.on('error', () => b.destroy()).on('close', () => (open.delete(a), b.destroy()));
    }
    return undefined;
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut() {
      whole = false;
      open.forEach((socket) => socket.destroy());
    },
    mend() {
      whole = true;
    },
    end() {
      this.cut();
      server.close();
    },
  };
}

export class Driver {
  said = [];
  expected = [EXPECTED];
  own = [url, 'data:', 'blob:'];
  strangers = [];

  static async start() {
    const driver = new Driver();
    driver.browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags });
    return driver;
  }

  /** A page of a new visitor. */
  async page({ width = 1440, height = 900, scheme = 'light', locale = 'en-GB', path = '/', at = url } = {}) {
    const context = await this.browser.newContext({ viewport: { width, height }, colorScheme: scheme, locale });
    context.setDefaultTimeout(15_000 * slow);
    const page = await context.newPage();
    if (THROTTLE) await (await context.newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: Number(THROTTLE) });
    page.on('console', (m) => ['error', 'warning'].includes(m.type()) && this.said.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => this.said.push(`error: ${e.stack}`));
    page.on('request', (r) => {
      if (!this.own.some((o) => r.url().startsWith(o))) this.strangers.push(r.url());
    });
    this.last = page;
    await page.goto(at + path);
    return page;
  }

  async signIn(page, name) {
    await page.getByLabel(/^(User name|Имя пользователя)$/).fill(name);
    await page.getByLabel(/^(Password|Пароль)$/).fill(PASSWORD);
    await page.getByRole('button', { name: /^(Sign in|Войти)$/ }).click();
    await page.getByRole('navigation').waitFor();
  }

  /** A page of somebody who is signed in: vera (viewer), oleg (operator), ada (admin). */
  async as(name, options = {}) {
    const page = await this.page(options);
    await this.signIn(page, name);
    return page;
  }

  /** Past the dashboard: as another program would. */
  async api(method, path, body) {
    const answer = await fetch(url + path, {
      method,
      headers: { Authorization: `Bearer ${TOKEN}`, ...(body ? { 'Content-Type': 'application/json' } : {}) },
      body: body && JSON.stringify(body),
    });
    const json = await answer.json();
    assert.ok(answer.ok, `${method} ${path}: ${answer.status} ${json.error}`);
    return json.data;
  }

  async wave(body) {
    const { wave_id: id } = await this.api('POST', '/api/waves', { kind: 'noop', ...body });
    return id;
  }

  async waveState(id) {
    return (await this.api('GET', `/api/waves/${id}/status`)).state;
  }

  async ended(id) {
    return until(async () => ['completed', 'error', 'stopped'].includes(await this.waveState(id)), `the end of ${id}`, 30_000);
  }

  async picture(name) {
    await this.last?.screenshot({ path: `${SCREENSHOTS}/${name}.png` }).catch(() => undefined);
  }

  /** The last page in words: its address, what has the focus, what is typed, what can be read. */
  async shown() {
    return this.last?.evaluate(() => [
      location.href,
      `focus: ${document.activeElement?.outerHTML.slice(0, 200)}`,
      ...[...document.querySelectorAll('input, textarea, select')].map((e) => `${e.labels?.[0]?.innerText ?? e.ariaLabel}: ${e.type === 'password' ? '' : e.value}`),
      document.body.innerText.slice(0, 3000),
    ].join('\n')).catch(String);
  }

  /** No serious fault in the eyes of axe. */
  async checkAccess(page, where) {
    await page.waitForTimeout(350); // what fades in has its colour then
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, {
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    }));
    const serious = violations.filter((v) => v.impact === 'serious' || v.impact === 'critical');
    assert.deepEqual(serious.map((v) => `${where}: ${v.id}: ${v.help}: ${v.nodes.slice(0, 3).map((n) => n.html.slice(0, 200)).join(' | ')}`), []);
  }

  /** Nothing was asked of another origin, nothing was blocked, nothing broke. */
  checkPages() {
    assert.deepEqual(this.strangers, []);
    assert.deepEqual(this.said.filter((s) => !this.expected.some((e) => e.test(s))), []);
  }

  async close() {
    await this.browser.close();
  }
}
