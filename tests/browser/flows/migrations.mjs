// Migrations past their waves: found, run, read, and put right.
import { strict as assert } from 'node:assert';
import { callsOf, median, origin, slow, until } from '../driver.mjs';

const badge = (page, text) => page.locator('h1 .badge', { hasText: text }).waitFor();
const open = (page, ref) => page.goto(`${origin}/migrations/${ref}`);
const state = async (d, ref) => (await d.api('GET', `/api/migrations/${ref}`)).state;

/** The migrations of a wave by their names: {name: "m12"}. */
async function refs(d, wave) {
  const rows = await d.api('GET', `/api/waves/${wave}/migrations`);
  return Object.fromEntries(rows.map((m) => [m.mb_project_uuid, `m${m.id}`]));
}

async function one(d, name, more = {}) {
  const wave = await d.wave({ name: `Wave of ${name}`, project_uuids: [name], max_attempts: 1, ...more });
  return { wave, ref: (await refs(d, wave))[name] };
}

/** Does an act of the list for when something is stuck, and agrees. */
async function repair(page, name, question) {
  await page.getByRole('button', { name: `${name}: Do it…` }).click();
  const ask = page.getByRole('dialog', { name: question });
  await ask.getByText(/1 migration|This one migration|this one migration|One new migration/).first().waitFor();
  await ask.getByRole('button', { name, exact: true }).click();
}

export async function they_are_filtered_in_the_address(d) {
  await d.ended(await d.wave({ name: 'Sought', project_uuids: ['sought-1', 'sought-2'], max_attempts: 1 }));
  await d.ended(await d.wave({ name: 'Sought and failed', project_uuids: ['sought-3'], max_attempts: 1, params: { fail: { times: 9, class: 'data' } } }));
  const page = await d.as('vera', { path: '/migrations' });
  await page.getByRole('searchbox', { name: 'Beginning of a source id' }).fill('sought-');
  await until(() => page.url().includes('q=sought-'), 'the search in the address');
  await page.getByRole('link', { name: 'sought-1' }).waitFor();
  await page.getByRole('button', { name: 'Failed', exact: true }).click();
  await page.getByRole('link', { name: 'sought-1' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'sought-3' }).waitFor();
  assert.match(page.url(), /q=sought-/);
  assert.match(page.url(), /status=error/);
  await page.reload();
  await page.getByRole('row', { name: /sought-3.*as params\.fail says.*Sought and failed/ }).waitFor();
  await page.getByRole('searchbox', { name: 'Target id' }).fill('no 4711'); // only digits are an id
  await page.getByRole('heading', { name: 'No migration matches' }).waitFor();
  await until(() => page.url().includes('target=4711'), 'the target in the address');
  await page.getByRole('button', { name: 'Show all migrations' }).click();
  await page.getByRole('link', { name: 'sought-1' }).waitFor();
  assert.equal(new URL(page.url()).search, '');
}

export async function the_list_moves_by_itself(d) {
  const page = await d.as('vera', { path: '/migrations?q=moving-' });
  await page.getByRole('heading', { name: 'No migration matches' }).waitFor();
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await page.evaluate(() => (window.sameDocument = true));
  const wave = await d.wave({ name: 'It moves', project_uuids: ['moving-1'], params: { sleep_ms: 60_000 } });
  const row = page.getByRole('row', { name: /moving-1/ });
  await row.getByText('Running').waitFor();
  await d.api('POST', `/api/migrations/${(await refs(d, wave))['moving-1']}/cancel`, {});
  await row.getByText('Cancelled').waitFor();
  await d.wave({ name: 'It moves too', project_uuids: ['moving-2'], params: { sleep_ms: 500 } });
  await page.getByRole('row', { name: /moving-2/ }).getByText('Completed').waitFor();
  assert.ok(await page.evaluate(() => window.sameDocument));
}

export async function one_is_run_by_itself_and_all_of_it_is_read(d) {
  const page = await d.as('oleg', { path: '/migrations' });
  await page.getByRole('button', { name: 'Run one' }).first().click();
  const dialog = page.getByRole('dialog', { name: 'Run one' });
  await dialog.getByLabel('Source id').fill('extra--alone');
  assert.ok(await dialog.getByRole('button', { name: 'Start it' }).isDisabled()); // it has no target yet
  await dialog.getByLabel('Target id').fill('8801');
  await dialog.getByRole('button', { name: 'Start it' }).click();
  await page.getByRole('heading', { name: /extra--alone/, level: 1 }).waitFor();
  assert.match(page.url(), /\/migrations\/8801$/);
  await badge(page, 'Completed');
  await page.getByRole('log').getByText('started on the migration server').waitFor();
  await page.getByRole('tab', { name: 'Attempts' }).click();
  await page.getByText('Attempt 1').waitFor();
  await page.getByRole('tab', { name: 'Result' }).click();
  await page.getByLabel('Result', { exact: true }).getByText(/"pages_total": 42/).waitFor();
  await page.getByRole('tab', { name: 'Webhook' }).click();
  await page.getByText('Settled it').click();
  await page.getByText(/token=\*+/).waitFor(); // the token itself is never shown
  await page.getByText(/"extra--alone"/).first().waitFor();
  await page.getByRole('tab', { name: 'Server’s log' }).click();
  await page.getByLabel('Server’s log', { exact: true }).getByText(/8801/).waitFor();
  await page.getByRole('link', { name: /project-8801/ }).waitFor();
  await page.getByText('w1', { exact: true }).waitFor(); // its warning
}

export async function a_form_begins_with_its_field(d) {
  const { ref } = await one(d, 'begun-1');
  const page = await d.as('oleg', { path: '/migrations' });
  await page.getByRole('button', { name: 'Run one' }).first().click();
  const source = page.getByRole('dialog').getByLabel('Source id');
  await source.waitFor();
  await page.keyboard.type('typed');
  assert.equal(await source.inputValue(), 'typed');
  await open(page, ref);
  await badge(page, 'Completed');
  await page.getByRole('button', { name: 'Set to completed: Do it…' }).click();
  const domain = page.getByRole('dialog').getByLabel('Domain');
  await domain.waitFor();
  await page.keyboard.type('typed');
  assert.equal(await domain.inputValue(), 'typed');
}

/** The stream that carries its log is there. */
const streamOf = (page, ref) =>
  page.waitForResponse((r) => r.url().includes('/api/events') && r.url().endsWith(`logs=${ref}`));

const AWAY = { status: 503, contentType: 'application/problem+json', body: '{"detail":"PostgreSQL does not answer"}' };

export async function a_log_that_could_not_be_read_comes_by_itself(d) {
  const { wave, ref } = await one(d, 'away-1', { params: { log_lines: 3 } });
  await d.ended(wave); // so no event comes that would make it be read
  const page = await d.page();
  const logs = `**/api/migrations/${ref}/logs*`;
  await page.route(logs, (route) => route.fulfill(AWAY));
  await d.signIn(page, 'vera');
  await open(page, ref);
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await page.getByText('PostgreSQL does not answer').waitFor();
  await page.unroute(logs);
  await page.getByText('line 1 of 3', { exact: true }).waitFor();
  assert.equal(await page.getByText('PostgreSQL does not answer').count(), 0);
}

export async function a_log_that_could_not_be_read_has_no_gap(d) {
  const { wave, ref } = await one(d, 'gap-1', { params: { log_lines: 3, fail: { times: 1, class: 'data' } } });
  await d.ended(wave);
  const page = await d.page();
  const logs = `**/api/migrations/${ref}/logs*`;
  await page.route(logs, (route) => route.fulfill(AWAY));
  await d.signIn(page, 'vera');
  const calls = callsOf(page);
  const carried = streamOf(page, ref);
  await open(page, ref);
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await page.getByText('PostgreSQL does not answer').waitFor();
  await carried;
  await calls.quiet();
  await page.unroute(logs);
  await d.api('POST', `/api/migrations/${ref}/restart`, {});
  await badge(page, 'Completed');
  await page.getByText('line 1 of 3', { exact: true }).nth(1).waitFor(); // of both attempts, though events told of one
}

export async function what_runs_outside_is_watched_to_its_end(d) {
  const page = await d.as('vera', { path: '/migrations' });
  await d.api('POST', '/api/migrations/run', { mb_project_uuid: 'progressonly--watched', brz_project_id: 8811 });
  await page.getByRole('link', { name: 'progressonly--watched', exact: true }).click();
  await page.getByText('The migration server runs it; no worker is held.').waitFor();
  await page.locator('h1 .badge', { hasText: 'Completed' }).waitFor({ timeout: 30_000 * slow });
  await page.getByText('Nothing of it runs now.').waitFor();
  assert.equal(await page.getByRole('button', { name: /Restart|Cancel|Do it/ }).count(), 0); // vera looks on
}

export async function its_log_follows_without_asking(d) {
  const page = await d.as('vera');
  const later = new Date(Date.now() + 3_600_000).toISOString();
  const params = { sleep_ms: 1000, log_lines: 7 };
  const wave = await d.wave({ name: 'With a log', project_uuids: ['log-1'], start_at: later, params });
  const ref = (await refs(d, wave))['log-1'];
  const calls = callsOf(page);
  const carried = streamOf(page, ref);
  await open(page, ref);
  await page.getByText('Lines appear here as soon as it writes some.').waitFor();
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await carried;
  await calls.quiet();
  await d.api('POST', `/api/waves/${wave}/resume`, {});
  await page.getByText('7 lines').waitFor();
  assert.equal(await page.locator('.log-line').count(), 7);
  assert.deepEqual(calls.asked.filter((url) => url.includes('/logs')), []);
  await badge(page, 'Completed');
}

export async function its_state_arrives_within_300_ms(d) {
  const names = ['seen-1', 'seen-2', 'seen-3', 'seen-4'];
  const wave = await d.wave({ name: 'Looked at', project_uuids: names, batch_size: 1, params: { sleep_ms: 60_000 } });
  const page = await d.as('vera');
  const calls = callsOf(page);
  const all = await refs(d, wave);
  const took = [];
  for (const name of names.slice(1)) {
    const ref = all[name];
    const carried = streamOf(page, ref);
    await open(page, ref);
    await badge(page, 'Pending');
    await page.locator('.nav .flow[data-flow=live]').waitFor();
    await carried;
    await calls.quiet();
    await page.evaluate(() => {
      window.cancelled = new Promise((resolve) => {
        new MutationObserver(() => document.querySelector('h1 .badge')?.innerText === 'Cancelled' && resolve(Date.now()))
          .observe(document.body, { subtree: true, childList: true, characterData: true });
      });
    });
    await d.api('POST', `/api/migrations/${ref}/cancel`, {});
    const committed = Date.now();
    took.push((await page.evaluate(() => window.cancelled)) - committed);
  }
  assert.ok(median(took) <= 300 * slow, `median of ${took} ms`);
  await d.api('POST', `/api/waves/${wave}/stop`, {});
}

export async function a_failed_one_is_restarted_after_a_question(d) {
  const { ref } = await one(d, 'again-1', { params: { fail: { times: 1, class: 'data' } } });
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Failed');
  await page.getByText('as params.fail says').first().waitFor();
  await page.getByRole('button', { name: 'Restart' }).click();
  const ask = page.getByRole('dialog', { name: 'Restart “again-1”?' });
  await ask.getByText('This one migration runs again from the start').waitFor();
  await ask.getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await state(d, ref), 'failed'); // asked, not done
  await page.getByRole('button', { name: 'Restart' }).click();
  await ask.getByRole('button', { name: 'Restart' }).click();
  await badge(page, 'Completed');
  await page.getByRole('tab', { name: 'Attempts' }).click();
  await page.getByText('Attempt 2').waitFor();
}

export async function what_runs_is_cancelled_or_ended_as_failed(d) {
  const wave = await d.wave({ name: 'Two to be ended', project_uuids: ['end-1', 'end-2'], batch_size: 2, params: { sleep_ms: 60_000 } });
  const { 'end-1': first, 'end-2': second } = await refs(d, wave);
  const page = await d.as('oleg');
  await open(page, first);
  await badge(page, 'Running');
  await page.getByRole('button', { name: 'Cancel the migration' }).click();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel the migration' }).click();
  await badge(page, 'Cancelled');
  await open(page, second);
  await badge(page, 'Running');
  await repair(page, 'End as failed', 'End “end-2” as failed?');
  await badge(page, 'Failed');
  await page.getByText(/ended by oleg/).first().waitFor();
}

export async function one_that_was_done_by_hand_is_set_to_completed(d) {
  const { ref, wave } = await one(d, 'hand-1', { params: { fail: { times: 9, class: 'data' } } });
  await d.ended(wave);
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Failed');
  await page.getByRole('button', { name: 'Set to completed: Do it…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Set “hand-1” to completed?' });
  await dialog.getByLabel('Domain').fill('hand.example');
  await dialog.getByRole('button', { name: 'Set to completed' }).click();
  await badge(page, 'Completed');
  assert.equal(await page.getByRole('link', { name: 'hand.example' }).getAttribute('href'), 'https://hand.example/');
  assert.equal(await d.waveState(wave), 'completed');
}

export async function it_is_reset_and_its_wave_waits(d) {
  const { ref, wave } = await one(d, 'reset-1');
  await d.ended(wave);
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Completed');
  await repair(page, 'Reset everything', 'Reset everything of “reset-1”?');
  await badge(page, 'Pending');
  assert.equal(await d.waveState(wave), 'ready');
  await d.api('POST', `/api/waves/${wave}/stop`, {});
}

export async function a_stuck_attempt_is_given_up_and_comes_again(d) {
  const { ref, wave } = await one(d, 'stuck-1', { params: { sleep_ms: 60_000 } });
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Running');
  await repair(page, 'Give up the attempt', 'Give up the attempt of “stuck-1”?');
  await page.getByRole('tab', { name: 'Attempts' }).click();
  await page.getByText('Attempt 2').waitFor();
  await page.getByText(/given up by oleg/).first().waitFor();
  await d.api('POST', `/api/waves/${wave}/stop`, {});
}

export async function its_status_is_reset_and_the_servers_answer_forgotten(d) {
  const wave = await d.wave({
    name: 'Reset at a server', kind: 'remote', workspace_id: 77, max_attempts: 1, projects: [{ project: 'russian--reset', brz_project_id: 8821 }],
  });
  await d.ended(wave);
  const page = await d.as('oleg');
  await open(page, 8821);
  await badge(page, 'Failed');
  await repair(page, 'Forget the server’s answer', 'Forget what the migration server said of “russian--reset”?');
  await page.getByText('What was kept of “russian--reset” is forgotten.').waitFor();
  await repair(page, 'Reset the status', 'Reset the status of “russian--reset”?');
  await badge(page, 'Pending');
  assert.equal(await d.waveState(wave), 'ready'); // nothing starts by itself
  await d.api('POST', `/api/waves/${wave}/stop`, {});
}

export async function it_is_added_to_another_wave(d) {
  const { ref } = await one(d, 'once-more');
  const other = await d.wave({ name: 'Takes one more', project_uuids: ['first-of-it'] });
  await d.ended(other);
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Completed');
  await page.getByRole('button', { name: 'Add to a wave: Do it…' }).click();
  const dialog = page.getByRole('dialog', { name: 'Add “once-more” to a wave' });
  await dialog.getByLabel('Wave').selectOption(other);
  await dialog.getByRole('button', { name: 'Add to a wave' }).click();
  await page.getByText('“once-more” is added.').waitFor();
  await until(async () => 'once-more' in (await refs(d, other)), 'the new migration');
}

export async function what_the_api_refuses_is_told_with_its_id(d) {
  const { ref } = await one(d, 'twin');
  const other = await d.wave({ name: 'Has a twin', project_uuids: ['twin'] });
  await d.ended(other);
  const page = await d.as('oleg');
  await open(page, ref);
  await badge(page, 'Completed');
  await page.getByRole('button', { name: 'Add to a wave: Do it…' }).click();
  await page.getByRole('dialog').getByLabel('Wave').selectOption(other);
  await page.getByRole('dialog').getByRole('button', { name: 'Add to a wave' }).click();
  const told = page.locator('.toast.bad');
  await told.waitFor();
  assert.match(await told.innerText(), /project twin is in wave \S+ already\s+Request id: \S+/);
  await open(page, 'm999999999');
  const alert = page.getByRole('alert');
  await alert.waitFor();
  assert.match(await alert.innerText(), /there is no migration "m999999999"[\s\S]*Request id: \S+/);
}
