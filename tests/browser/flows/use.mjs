// For everybody: by keyboard, for screen readers, in both languages, small and large, light and dark; and fast.
import { strict as assert } from 'node:assert';
import { origin, pace, slow, until } from '../driver.mjs';

const focused = (page) => page.evaluate(() => document.activeElement?.innerText?.trim() || document.activeElement?.getAttribute('aria-label') || document.activeElement?.tagName);

/** A wave of each look, once. */
async function furnish(d) {
  const there = await d.api('GET', '/api/waves');
  if (there.some((w) => w.name === 'Under way for a while')) return there;
  await d.wave({ name: 'Chinook for twenty tenants', project_uuids: Array.from({ length: 20 }, (_, i) => `tenant-${i}`), workspace_id: 77, workspace_name: 'North' });
  await d.wave({ name: 'One that fails', project_uuids: ['alpha', 'beta', 'gamma'], max_attempts: 1, params: { fail: { times: 9, class: 'data' } } });
  await d.ended(await d.wave({
    name: 'Sites of the northern region', kind: 'remote', workspace_id: 77, workspace_name: 'North', max_attempts: 1,
    projects: ['plain--a', 'russian--b', 'twice--c'].map((project, i) => ({ project, brz_project_id: 9001 + i })),
  }));
  await d.wave({ name: 'Under way for a while', project_uuids: Array.from({ length: 200 }, (_, i) => `slow-${i}`), batch_size: 2, params: { sleep_ms: 3000, log_lines: 3 } });
  return d.api('GET', '/api/waves');
}

async function places(d) {
  const waves = await furnish(d);
  const of = (name) => waves.find((w) => w.name === name)?.id ?? waves[0].id;
  return {
    waves: '/wave',
    'new-wave': '/wave?new=wave',
    wave: `/wave/${of('Under way for a while')}`,
    'wave-ended': `/wave/${of('Sites of the northern region')}`,
    migration: `/wave/${of('Sites of the northern region')}?m=russian--b`,
    migrations: '/migrations',
    fleet: '/fleet',
    dead: '/dead',
    settings: '/settings',
    'no-such-page': '/nothing/here',
  };
}

const settled = async (page) => {
  await page.locator('h1').first().waitFor();
  await until(async () => (await page.locator('.skeleton').count()) === 0, 'the end of waiting');
};

export async function everything_by_keyboard(d) {
  const page = await d.page();
  await page.getByLabel('User name').waitFor();
  await page.keyboard.type('oleg'); // the field has the focus
  await page.keyboard.press('Tab');
  await page.keyboard.type(process.env.PASSWORD);
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Skip to the content');
  await page.keyboard.press('Enter');
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main');

  await page.keyboard.press('n');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.type('By keyboard');
  await page.keyboard.press('Tab');
  await page.keyboard.type('first\nsecond\nthird');
  for (let i = 0; i < 3; i++) await page.keyboard.press('Tab'); // the file, remote, command …
  await page.keyboard.press('Tab');
  assert.equal(await focused(page), 'Trial');
  await page.keyboard.press('Space');
  await page.keyboard.press('Tab');
  await page.keyboard.type('1');
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'By keyboard' }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), 'main'); // a new page is announced
  await page.locator('.title .badge', { hasText: 'Completed' }).waitFor();

  await page.getByRole('button', { name: 'second' }).focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'second' }).waitFor();
  for (let i = 0; i < 12; i++) {
    await page.keyboard.press('Tab');
    assert.ok(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog')), 'the focus stays inside');
  }
  await page.getByRole('tab', { name: 'Log' }).focus();
  await page.keyboard.press('ArrowRight');
  await page.getByText('Attempt 1').waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  assert.equal(await focused(page), 'second'); // back where it came from

  const goTo = (letter, title) => until(async () => { // again where the machine stood still between the two
    await page.keyboard.press('g');
    await page.keyboard.press(letter);
    const heading = page.getByRole('heading', { name: title, level: 1 }); // the address is there before the page is
    return heading.waitFor({ timeout: 3000 * slow }).then(() => true, () => false);
  }, title);

  await goTo('f', 'Fleet');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
  await page.keyboard.press('Escape');
  await goTo('w', 'Waves');
  await page.keyboard.press('/');
  await page.keyboard.type('keyboard');
  await until(() => page.url().includes('q=keyboard'), 'the search');
}

async function accessible(d, scheme, width) {
  const all = await places(d);
  const page = await d.page({ scheme, width, height: width < 600 ? 780 : 900 });
  await d.checkAccess(page, 'sign-in');
  await d.signIn(page, 'ada');
  for (const [name, path] of Object.entries(all)) {
    await page.goto(origin + path);
    await settled(page);
    await d.checkAccess(page, `${name}, ${scheme}, ${width}`);
  }
}
export async function axe_finds_nothing_serious_in_light(d) {
  await accessible(d, 'light', 1440);
}
export async function axe_finds_nothing_serious_in_dark(d) {
  await accessible(d, 'dark', 1440);
}
export async function axe_finds_nothing_serious_in_a_narrow_window(d) {
  await accessible(d, 'light', 360);
}

export async function pictures_of_every_page(d) {
  const all = await places(d);
  for (const [width, height] of [[360, 780], [1440, 900]]) {
    for (const scheme of ['light', 'dark']) {
      const page = await d.page({ width, height, scheme });
      await page.getByLabel('User name').waitFor();
      await d.picture(`sign-in-${width}-${scheme}`);
      await d.signIn(page, 'ada');
      for (const [name, path] of Object.entries(all)) {
        await page.goto(origin + path);
        await settled(page);
        await page.waitForTimeout(250);
        await d.picture(`${name}-${width}-${scheme}`);
        const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(wider <= 0, `${name} is ${wider} px wider than ${width}`);
      }
      await page.context().close();
    }
  }
  const wide = await d.as('ada', { width: 3840, height: 2160, path: all.wave });
  await settled(wide);
  await d.picture('wave-3840-light');
}

export async function russian_is_spoken_and_remembered(d) {
  const page = await d.page({ locale: 'ru-RU' });
  await d.signIn(page, 'ada');
  await page.getByRole('heading', { name: 'Волны' }).waitFor();
  assert.equal(await page.getAttribute('html', 'lang'), 'ru');
  await page.getByRole('button', { name: 'Новая волна' }).first().click();
  for (const [n, words] of [[1, '1 проект'], [2, '2 проекта'], [5, '5 проектов'], [21, '21 проект']]) {
    await page.getByLabel('Проекты', { exact: true }).fill(Array.from({ length: n }, (_, i) => `p${i}`).join('\n'));
    await page.locator('.findings').getByText(words, { exact: true }).waitFor();
  }
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Язык: English' }).click();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
}

export async function the_theme_is_chosen_and_remembered(d) {
  const page = await d.as('ada', { scheme: 'light' });
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await ground();
  await page.getByRole('button', { name: 'Theme: as the system' }).click();
  assert.equal(await ground(), light);
  await page.getByRole('button', { name: 'Theme: light' }).click();
  const dark = await ground();
  assert.notEqual(dark, light);
  await page.reload();
  await page.getByRole('button', { name: 'Theme: dark' }).waitFor();
  assert.equal(await ground(), dark);
}

/** The colours that the chart's canvas is drawn in, as "r,g,b"; read from a copy, since the browser warns of a canvas
    that is read again and again. */
const drawn = (page) => page.locator('.chart canvas').evaluate(({ width, height }) => {
  const copy = new OffscreenCanvas(width, height).getContext('2d');
  copy.drawImage(document.querySelector('.chart canvas'), 0, 0);
  const { data } = copy.getImageData(0, 0, width, height);
  const found = new Set();
  for (let i = 0; i < data.length; i += 4) if (data[i + 3] === 255) found.add(data.slice(i, i + 3).join());
  return [...found];
});

export async function the_chart_has_the_colours_of_the_theme(d) {
  const id = await d.wave({ name: 'Drawn twice', project_uuids: ['a', 'b', 'c'] });
  await d.ended(id);
  const page = await d.as('ada', { path: `/wave/${id}`, scheme: 'light' });
  const has = (colour) => until(async () => (await drawn(page)).includes(colour), `bars of ${colour}`);
  await has('20,108,55');
  await page.emulateMedia({ colorScheme: 'dark' });
  await has('87,199,133');
  await page.getByRole('button', { name: 'Theme: as the system' }).click();
  await has('20,108,55');
  await page.getByRole('button', { name: 'Theme: light' }).click();
  await has('87,199,133');
}

/** What a reload without a cache fetches (files only), and how long until the list is there. */
async function firstView(page, session) {
  const sizes = new Map();
  const onResponse = (e) => sizes.set(e.requestId, { url: e.response.url, bytes: 0 });
  const onEnd = (e) => sizes.has(e.requestId) && (sizes.get(e.requestId).bytes = e.encodedDataLength);
  session.on('Network.responseReceived', onResponse).on('Network.loadingFinished', onEnd);
  await session.send('Network.clearBrowserCache');
  const before = pace();
  const begin = Date.now();
  await page.reload({ waitUntil: 'commit' });
  await page.locator('.table tbody tr:not(:has(.skeleton)), .empty').first().waitFor();
  const took = Date.now() - begin;
  session.off('Network.responseReceived', onResponse).off('Network.loadingFinished', onEnd);
  const allowed = 1000 * slow * Math.max(before, pace());
  return { took, allowed, files: [...sizes.values()].filter((f) => !f.url.includes('/api/')) };
}

export async function the_first_view_is_small_and_quick(d) {
  const page = await d.as('ada');
  await page.locator('.table tbody, .empty').first().waitFor();
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  const views = [];
  for (let i = 0; i < 5; i++) views.push(await firstView(page, session));
  const { files } = views[0];
  const total = files.reduce((sum, f) => sum + f.bytes, 0);
  const times = views.map((v) => `${v.took} of ${Math.round(v.allowed)} ms`).join(', ');
  console.log(`first view: ${total} bytes in ${files.length} files, ${times}`);
  assert.ok(files.length >= 4 && total > 50_000, 'it came over the network');
  assert.ok(total < 200_000, `${total} bytes: ${files.map((f) => `${f.url} ${f.bytes}`).join(', ')}`);
  assert.ok(views.some((v) => v.took < v.allowed), times); // what else the machine does is not the dashboard's
}
