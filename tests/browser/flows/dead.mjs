// Dead letters: found, previewed, restarted and discarded, alone and together.
import { strict as assert } from 'node:assert';
import { until } from '../driver.mjs';

/** A wave whose migrations all fail `times` times with this class. */
async function failing(d, name, projects, failure, times = 1) {
  const id = await d.wave({ name, project_uuids: projects, max_attempts: 1, params: { fail: { times, class: failure } } });
  await d.ended(id);
  return id;
}

const letters = async (d, wave, discarded = false) => d.api('GET', `/api/dead?wave=${wave}&discarded=${discarded}`);

export async function they_are_filtered_by_class_text_wave_and_time(d) {
  const wave = await failing(d, 'Dead by data', ['dead-data-1', 'dead-data-2'], 'data');
  await failing(d, 'Dead by crash', ['dead-temp-1'], 'temporary');
  const page = await d.as('vera', { path: '/dead' });
  await page.getByRole('link', { name: 'dead-temp-1' }).waitFor();
  await page.getByLabel('Filter by class').selectOption('data');
  await page.getByRole('link', { name: 'dead-temp-1' }).waitFor({ state: 'detached' });
  await page.getByLabel('Filter by wave').selectOption(wave);
  await page.getByRole('searchbox').fill('data-2');
  await until(() => page.url().includes('q=data-2'), 'the search in the address');
  await page.getByRole('link', { name: 'dead-data-1' }).waitFor({ state: 'detached' });
  await page.getByLabel('Filter by time').selectOption('hour');
  await page.getByRole('link', { name: 'dead-data-2' }).waitFor();
  await page.reload();
  await page.getByRole('link', { name: 'dead-data-2' }).waitFor();
  assert.equal(await page.locator('tbody tr').count(), 1);
  assert.equal(await page.getByRole('button', { name: /Restart|Discard / }).count(), 0); // vera looks on
  assert.equal(await page.getByRole('checkbox').count(), 0);
  await page.getByRole('searchbox').fill('no such letter');
  await page.getByRole('button', { name: 'Show all dead letters' }).click();
  await page.getByRole('link', { name: 'dead-temp-1' }).waitFor();
  assert.equal(new URL(page.url()).search, '');
}

export async function those_that_match_are_counted_and_restarted(d) {
  const wave = await failing(d, 'Dead, then restarted', ['rise-1', 'rise-2', 'rise-3'], 'data');
  const page = await d.as('oleg', { path: `/dead?wave=${wave}` });
  await page.getByRole('link', { name: 'rise-3' }).waitFor();
  await page.getByRole('button', { name: 'Restart matching' }).click();
  const ask = page.getByRole('dialog', { name: 'Restart these dead letters?' });
  await ask.getByText('3 migrations run again from the start.').waitFor();
  await ask.getByText('1 wave is touched.').waitFor();
  await ask.getByText('Data').waitFor();
  await d.checkAccess(page, 'preview');
  await ask.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await letters(d, wave)).length, 3); // counted, not done
  await page.getByRole('button', { name: 'Restart matching' }).click();
  await ask.getByRole('button', { name: 'Restart' }).click();
  await page.getByText('3 migrations start again.').waitFor();
  await page.getByRole('heading', { name: 'No dead letter matches' }).waitFor();
  await until(async () => (await d.waveState(wave)) === 'completed', 'the end of the wave');
}

export async function chosen_ones_are_discarded_and_found_again(d) {
  const wave = await failing(d, 'Dead, then discarded', ['drop-1', 'drop-2', 'drop-3', 'drop-4'], 'data', 9);
  const page = await d.as('oleg', { path: `/dead?wave=${wave}` });
  for (const name of ['drop-1', 'drop-3']) await page.getByRole('checkbox', { name: `Choose ${name}` }).check();
  await page.getByText('2 chosen').waitFor();
  await page.getByRole('button', { name: 'Discard the chosen' }).click();
  const ask = page.getByRole('dialog', { name: 'Discard these dead letters?' });
  await ask.getByText('2 migrations leave the list.').waitFor();
  await ask.getByRole('button', { name: 'Discard' }).click();
  await page.getByText('2 dead letters are discarded.').waitFor();
  await page.getByRole('link', { name: 'drop-1' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'Discard drop-2' }).click();
  await page.getByRole('dialog', { name: 'Discard “drop-2”?' }).getByRole('button', { name: 'Discard' }).click();
  await page.getByRole('link', { name: 'drop-2' }).waitFor({ state: 'detached' });
  assert.deepEqual((await letters(d, wave)).map((l) => l.mb_project_uuid), ['drop-4']);
  await page.getByRole('button', { name: 'Discarded', exact: true }).click();
  await page.getByRole('row', { name: /drop-2.*oleg/ }).waitFor();
  assert.equal(await page.getByRole('button', { name: /^Discard / }).count(), 0);
  await page.getByRole('button', { name: 'Restart drop-3' }).click();
  await page.getByRole('dialog', { name: 'Restart “drop-3”?' }).getByRole('button', { name: 'Restart' }).click();
  await page.getByText('1 migration starts again.').waitFor();
  await page.getByRole('button', { name: 'Open', exact: true }).click();
  await page.getByRole('link', { name: 'drop-3' }).waitFor(); // it failed again, and came by itself
}

export async function a_new_one_appears_by_itself(d) {
  const page = await d.as('vera', { path: '/dead?q=just-died' });
  await page.getByRole('heading', { name: 'No dead letter matches' }).waitFor();
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await failing(d, 'Dies while one looks', ['just-died'], 'data', 9);
  await page.getByRole('link', { name: 'just-died' }).waitFor();
}

export async function by_keyboard_alone_one_is_chosen_and_discarded(d) {
  const wave = await failing(d, 'Dead by keyboard', ['key-1', 'key-2'], 'data', 9);
  const page = await d.as('oleg', { path: `/dead?wave=${wave}` });
  await page.getByRole('link', { name: 'key-2' }).waitFor();
  const focused = () => page.evaluate(() => document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText);
  const tabTo = async (name) => {
    for (let i = 0; (await focused()) !== name; i++) {
      assert.ok(i < 60, `${name} is reached by Tab`);
      await page.keyboard.press('Tab');
    }
  };
  await page.keyboard.press('/');
  await page.keyboard.type('key-1');
  await page.getByRole('link', { name: 'key-2' }).waitFor({ state: 'detached' });
  await tabTo('Choose key-1');
  await page.keyboard.press('Space');
  await page.getByText('1 chosen').waitFor();
  await page.locator('.main').focus();
  await tabTo('Discard the chosen');
  await page.keyboard.press('Enter');
  await page.getByText('1 migration leaves the list.').waitFor();
  await tabTo('Discard');
  await page.keyboard.press('Enter');
  await page.getByText('1 dead letter is discarded.').waitFor();
  assert.deepEqual((await letters(d, wave)).map((l) => l.mb_project_uuid), ['key-2']);
}
