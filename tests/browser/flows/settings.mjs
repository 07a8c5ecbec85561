// Settings, and how the new pages are for everybody.
import { strict as assert } from 'node:assert';
import { origin, until } from '../driver.mjs';

const MASK = /^\*+$/;

export async function the_secret_is_stored_and_never_shown(d) {
  const before = await d.api('GET', '/api/settings');
  const page = await d.as('ada', { path: '/settings' });
  const secret = page.getByLabel('Secret', { exact: true });
  await page.getByText('One is stored, sealed.').waitFor();
  assert.equal(await secret.inputValue(), '');
  assert.match(await secret.getAttribute('placeholder'), MASK);
  await page.getByLabel('Site id').fill('271828');
  await page.getByRole('button', { name: 'Save' }).click();
  await page.getByText('The settings are saved.').waitFor();
  const after = await d.api('GET', '/api/settings');
  assert.equal(after.mb_site_id, 271828);
  assert.match(after.mb_secret, MASK); // it was left empty, and stayed
  await secret.fill('another secret of mine');
  await page.getByRole('button', { name: 'Save' }).click();
  await until(async () => (await secret.inputValue()) === '', 'the field to be empty again');
  assert.doesNotMatch(await page.content(), /another secret/);
  await d.api('POST', '/api/settings', { mb_site_id: before.mb_site_id });
}

export async function only_an_administrator_changes_settings(d) {
  const page = await d.as('oleg', { path: '/settings' });
  await page.getByText('Only an administrator can change these.').waitFor();
  assert.ok(await page.getByLabel('Site id').isDisabled());
  assert.equal(await page.getByRole('button', { name: 'Save' }).count(), 0);
}

export async function language_and_theme_are_chosen_there(d) {
  const page = await d.as('ada', { path: '/settings' });
  await page.getByRole('group', { name: 'Theme' }).getByRole('button', { name: 'Dark' }).click();
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
  await page.getByRole('button', { name: 'Русский', exact: true }).click();
  await page.getByRole('heading', { name: 'Настройки', level: 1 }).waitFor();
  await page.reload();
  await page.getByRole('heading', { name: 'Настройки', level: 1 }).waitFor();
  assert.equal(await page.getAttribute('html', 'data-theme'), 'dark');
}

export async function what_the_doctor_finds_is_listed(d) {
  const page = await d.page({ path: '/settings' });
  const answer = page.waitForResponse((r) => r.url().endsWith('/api/doctor'));
  await d.signIn(page, 'oleg');
  const found = (await (await answer).json()).data; // a moment later it may find something else
  assert.ok(found.checks.length > 0);
  const list = page.getByRole('list', { name: 'How the system is' });
  await list.waitFor();
  const rows = await list.getByRole('listitem').allInnerTexts();
  assert.equal(rows.length, found.checks.length);
  for (const { name, mend } of found.checks)
    assert.ok(rows.some((row) => row.includes(name) && (!mend || row.includes(mend))), `${name} in ${rows}`);
  const other = await d.as('vera', { path: '/settings' }); // how the system is built is not for everybody
  await other.getByRole('heading', { name: 'This browser' }).waitFor();
  assert.equal(await other.getByRole('heading', { name: 'How the system is' }).count(), 0);
}

/** What stands behind tabs and questions, beside what use.mjs looks at. */
async function views(d) {
  const wave = await d.wave({
    name: 'Sites to look at', kind: 'remote', workspace_id: 77, max_attempts: 1,
    projects: ['extra--look', 'russian--look'].map((project, i) => ({ project, brz_project_id: 8901 + i })),
  });
  await d.ended(wave);
  const later = await d.wave({ name: 'Starts later', project_uuids: ['x'], start_at: new Date(Date.now() + 3_600_000).toISOString() });
  return {
    'migration-log': '/migrations/8902',
    'migration-attempts': '/migrations/8902?tab=attempts',
    'migration-result': '/migrations/8901?tab=result',
    'migration-webhook': '/migrations/8901?tab=webhook',
    'migration-server-log': '/migrations/8901?tab=serverLog',
    'run-one': '/migrations?new=run',
    'no-migrations': '/migrations?q=nothing-of-this-name',
    'dead-discarded': '/dead?show=discarded&q=nothing-of-this-name',
    'wave-ready': `/wave/${later}`,
  };
}

async function looked_at(d, scheme, width, locale) {
  const all = await views(d);
  const page = await d.page({ scheme, width, height: width < 600 ? 780 : 900, locale });
  await d.signIn(page, 'ada');
  for (const [name, path] of Object.entries(all)) {
    await page.goto(origin + path);
    await page.locator('h1').first().waitFor();
    await until(async () => (await page.locator('.skeleton').count()) === 0, 'the end of waiting');
    await d.checkAccess(page, `${name}, ${scheme}, ${width}`);
    await d.picture(`${name}-${width}-${scheme}`);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(wider <= 0, `${name} is ${wider} px wider than ${width}`);
  }
}
export async function tabs_and_questions_in_light(d) {
  await looked_at(d, 'light', 1440, 'en-GB');
}
export async function tabs_and_questions_in_dark(d) {
  await looked_at(d, 'dark', 1440, 'en-GB');
}
export async function tabs_and_questions_in_a_narrow_window_in_russian(d) {
  await looked_at(d, 'light', 360, 'ru-RU');
}
export async function tabs_and_questions_in_a_narrow_dark_window(d) {
  await looked_at(d, 'dark', 360, 'en-GB');
}

/** Between the narrow and the wide: neither the page nor a table is cut. */
export async function nothing_is_cut_at_any_width(d) {
  await d.ended(await d.wave({
    name: 'A wave with a name that is as long as people make them', kind: 'remote', workspace_id: 77, max_attempts: 1,
    projects: ['extra--a-name-as-long-as-they-are', 'russian--another-long-name'].map((project, i) => ({ project, brz_project_id: 8951 + i })),
  }));
  const cut = [];
  for (const locale of ['en-GB', 'ru-RU']) {
    const page = await d.page({ locale });
    await d.signIn(page, 'ada');
    for (const path of ['/wave', '/migrations?q=', '/migrations?status=completed', '/migrations/8952', '/fleet', '/dead', '/settings']) {
      await page.goto(origin + path);
      await page.locator('h1').first().waitFor();
      await until(async () => (await page.locator('.skeleton').count()) === 0, 'the end of waiting');
      for (const width of [320, 480, 640, 721, 820, 900, 1024, 1161, 1241, 1280, 1366, 1920]) {
        await page.setViewportSize({ width, height: 800 });
        const found = await page.evaluate(async () => {
          await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
          const boxes = [document.documentElement, ...document.querySelectorAll('.card, .act-list, .toolbar')];
          return boxes.filter((box) => box.scrollWidth > box.clientWidth + 1).map((box) => `${box.className || 'page'}: ${box.scrollWidth} in ${box.clientWidth}`);
        });
        cut.push(...found.map((box) => `${path} in ${locale} at ${width}: ${box}`));
      }
    }
    await page.context().close();
  }
  assert.deepEqual(cut, []);
}
