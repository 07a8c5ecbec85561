// Waves: created, watched, steered.
import { strict as assert } from 'node:assert';
import { callsOf, median, origin, slow, tunnel, until } from '../driver.mjs';

const names = (n, prefix = 'project') => Array.from({ length: n }, (_, i) => `${prefix}-${i}`);
const main = (page) => page.getByRole('main');
const status = (page, text) => page.locator('.title .badge', { hasText: text }).waitFor();
const open = (page, id) => page.goto(`${origin}/wave/${id}`);

export async function a_pasted_list_becomes_a_wave_that_moves_by_itself(d) {
  const page = await d.as('oleg');
  await page.getByRole('button', { name: 'New wave' }).first().click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Pasted by Oleg');
  await dialog.getByLabel('Projects', { exact: true }).fill([...names(12), 'project-3', '', ' project-4 '].join('\n'));
  await dialog.getByText('12 projects', { exact: true }).waitFor();
  await dialog.getByText('2 duplicates left out').waitFor();
  await dialog.getByText('Line 13 repeats line 4: project-3').waitFor();
  await dialog.getByRole('button', { name: 'Trial' }).click();
  await dialog.getByLabel('Takes (ms)').fill('500');
  await dialog.getByLabel('Batch size').fill('1');
  await dialog.getByRole('button', { name: 'Create with 12 projects' }).click();
  await page.getByRole('heading', { name: 'Pasted by Oleg' }).waitFor();
  await page.evaluate(() => (window.sameDocument = true));
  const bar = page.getByRole('progressbar').first();
  const done = async () => Number(await bar.getAttribute('aria-valuenow'));
  const seen = new Set();
  await until(async () => {
    seen.add(await done());
    return (await done()) === 12;
  }, 'all twelve', 30_000);
  assert.ok(seen.size >= 4, `it moved in steps: ${[...seen]}`);
  await status(page, 'Completed');
  assert.ok(await page.evaluate(() => window.sameDocument));
  const id = new URL(page.url()).pathname.split('/').at(-1);
  const wave = (await d.api('GET', `/api/waves/${id}`)).wave;
  assert.deepEqual([wave.kind, wave.batch_size, wave.progress.total, wave.created_by], ['noop', 1, 12, 'oleg']);
}

/** Pasted, and sent before the page has had the time to judge the list. */
const sendAtOnce = (page, text) => page.getByLabel('Projects', { exact: true }).evaluate(async (field, pasted) => {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, 'value').set.call(field, pasted);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  await Promise.resolve();
  const send = document.querySelector('button[form=new-wave][type=submit]');
  const judged = document.querySelector('.findings b')?.innerText ?? '';
  send.click();
  return { judged, refused: send.disabled };
}, text);

export async function what_is_sent_at_once_is_read_when_it_is_sent(d) {
  const page = await d.as('oleg', { path: '/wave?new=wave' });
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Sent at once');
  await dialog.getByRole('button', { name: 'Trial' }).click();
  assert.deepEqual(await sendAtOnce(page, 'one\nt\u0001wo'), { judged: 'No projects', refused: false });
  await dialog.getByText('1 bad line').waitFor();
  assert.ok(await dialog.getByRole('button', { name: /^Create/ }).isDisabled()); // and nothing was sent
  assert.deepEqual(await sendAtOnce(page, 'one\ntwo'), { judged: '1 project', refused: false });
  await page.getByRole('heading', { name: 'Sent at once' }).waitFor();
  const { wave } = await d.api('GET', `/api/waves/${new URL(page.url()).pathname.split('/').at(-1)}`);
  assert.equal(wave.progress.total, 2);
}

export async function a_dropped_table_brings_targets(d) {
  const page = await d.as('oleg', { path: '/wave?new=wave' });
  const dialog = page.getByRole('dialog');
  await dialog.locator('input[type=file]').setInputFiles({
    name: 'sites.csv', mimeType: 'text/csv', buffer: Buffer.from('project;brz_project_id\nplain--t1;8101\nplain--t2;8102\nplain--t3;none\n'),
  });
  await dialog.getByText('read as a table').waitFor();
  await dialog.getByText('Line 4: the target is no id').waitFor();
  await dialog.getByLabel('Name', { exact: true }).fill('From a table');
  assert.ok(await dialog.getByRole('button', { name: /^Create/ }).isDisabled());
  await dialog.getByRole('button', { name: 'Leave the bad lines out' }).click();
  await dialog.getByText('More', { exact: true }).click();
  await dialog.getByLabel('Workspace id').fill('77');
  await dialog.getByRole('button', { name: 'Create with 2 projects' }).click();
  await page.getByRole('heading', { name: 'From a table' }).waitFor();
  await status(page, 'Completed');
  await page.getByText('8102', { exact: true }).waitFor();
}

export async function who_chooses_no_file_or_the_same_again_loses_nothing(d) {
  const page = await d.as('oleg', { path: '/wave?new=wave' });
  const dialog = page.getByRole('dialog');
  const picker = dialog.locator('input[type=file]');
  await dialog.getByLabel('Name', { exact: true }).fill('Still here');
  await picker.evaluate((field) => field.dispatchEvent(new Event('cancel', { bubbles: true }))); // as the browser says it
  assert.equal(await dialog.getByLabel('Name', { exact: true }).inputValue(), 'Still here');
  await picker.setInputFiles({ name: 'sites.txt', mimeType: 'text/plain', buffer: Buffer.from('one\ntwo\n') });
  await dialog.getByText('2 projects', { exact: true }).waitFor();
  assert.equal(await picker.inputValue(), ''); // else the browser takes the same name for no change
  await page.keyboard.press('Escape');
  await dialog.waitFor({ state: 'detached' });
}

export async function what_the_api_refuses_is_told_in_its_words(d) {
  const page = await d.as('oleg', { path: '/wave?new=wave' });
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Without targets');
  await dialog.getByLabel('Projects', { exact: true }).fill('a\nb');
  await dialog.getByRole('button', { name: 'Create with 2 projects' }).click();
  const alert = dialog.getByRole('alert');
  await alert.waitFor();
  const text = await alert.innerText();
  assert.match(text, /brz_project_id|workspace/);
  assert.match(text, /Request id: \S+/);
  assert.equal(await dialog.getByLabel('Projects', { exact: true }).inputValue(), 'a\nb'); // nothing is lost
}

export async function one_whose_answer_was_lost_is_created_once(d) {
  const page = await d.as('oleg', { path: '/wave?new=wave' });
  await page.evaluate(() => delete Crypto.prototype.randomUUID); // as on a page that plain HTTP has brought from afar
  const answers = [];
  await page.route('**/api/waves', async (route) => {
    if (route.request().method() !== 'POST') return route.continue();
    const answer = await route.fetch();
    answers.push((await answer.json()).data?.wave_id);
    return answers.length === 1 ? route.abort() : route.fulfill({ response: answer });
  });
  d.expected.push(/net::ERR_FAILED/);
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel('Name', { exact: true }).fill('Its answer was lost');
  await dialog.getByLabel('Projects', { exact: true }).fill('a');
  await dialog.getByRole('button', { name: 'Trial' }).click();
  await dialog.getByRole('button', { name: 'Create with 1 project' }).click();
  await dialog.getByRole('alert').waitFor();
  await dialog.getByRole('button', { name: 'Create with 1 project' }).click();
  await page.getByRole('heading', { name: 'Its answer was lost' }).waitFor();
  assert.ok(answers[0]);
  assert.deepEqual(answers, [answers[0], answers[0]]);
}

export async function an_error_is_seen_its_log_read_and_it_is_restarted(d) {
  const projects = [['plain--one', 8201], ['russian--two', 8202], ['plain--three', 8203]];
  const id = await d.wave({
    name: 'One of three fails', kind: 'remote', workspace_id: 77, max_attempts: 1,
    projects: projects.map(([project, brz_project_id]) => ({ project, brz_project_id })),
  });
  const page = await d.as('oleg');
  await open(page, id);
  await status(page, 'Failed');
  await page.getByRole('button', { name: /^Failed\s*1$/ }).click();
  await page.getByRole('button', { name: 'plain--one' }).waitFor({ state: 'detached' });
  await page.getByRole('button', { name: 'russian--two' }).waitFor();
  assert.match(page.url(), /status=error/);
  await page.getByRole('cell', { name: /Ошибка: страница/ }).waitFor();
  await page.getByRole('button', { name: 'russian--two' }).click();
  const drawer = page.getByRole('dialog');
  await drawer.getByRole('log').getByText('started on the migration server').waitFor();
  await drawer.getByRole('tab', { name: 'Attempts' }).click();
  await drawer.getByText('Attempt 1').waitFor();
  await drawer.getByRole('button', { name: 'Restart' }).click();
  const ask = page.getByRole('dialog').filter({ hasText: 'This one migration will run again' });
  await ask.getByRole('button', { name: 'Restart' }).click();
  await drawer.getByText('Attempt 2').waitFor();
  await until(async () => (await d.waveState(id)) === 'error', 'the second end');
}

export async function failed_ones_are_restarted_together_after_a_question(d) {
  const id = await d.wave({ name: 'Four fail', project_uuids: names(4, 'bad'), max_attempts: 1, params: { fail: { times: 1, class: 'data' } } });
  const page = await d.as('oleg');
  await open(page, id);
  await status(page, 'Failed');
  for (const name of ['bad-1', 'bad-2']) await page.getByRole('checkbox', { name: `Choose ${name}` }).check();
  await page.getByText('2 chosen').waitFor();
  await page.getByRole('button', { name: 'Restart the chosen' }).click();
  await page.getByRole('dialog').getByText('2 migrations will run again').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
  assert.equal(await d.waveState(id), 'error'); // asked, not done
  await page.getByRole('button', { name: 'Restart failed' }).click();
  await page.getByRole('dialog').getByText('4 migrations will run again').waitFor();
  await page.getByRole('dialog').getByRole('button', { name: 'Restart', exact: true }).click();
  await status(page, 'Completed');
}

export async function pause_resume_change_and_stop(d) {
  const id = await d.wave({ name: 'To be steered', project_uuids: names(40), batch_size: 2, params: { sleep_ms: 1500 } });
  const page = await d.as('oleg');
  await open(page, id);
  await page.getByRole('button', { name: 'Pause', exact: true }).click();
  await status(page, 'Paused');
  await page.getByRole('button', { name: 'Resume', exact: true }).click();
  await status(page, 'Running');
  await page.getByRole('button', { name: 'Batch size' }).click();
  await page.getByRole('spinbutton', { name: 'Batch size' }).fill('4');
  await page.getByRole('button', { name: 'Change' }).click();
  await until(async () => (await d.api('GET', `/api/waves/${id}`)).wave.batch_size === 4, 'the new batch size');
  await page.getByRole('button', { name: 'Stop', exact: true }).click();
  const ask = page.getByRole('dialog', { name: 'Stop “To be steered”?' });
  assert.match(await ask.innerText(), /\d+ migrations that have not ended will be cancelled/);
  await ask.getByRole('button', { name: 'Stop' }).click();
  await status(page, 'Stopped');
  assert.equal(await d.waveState(id), 'stopped');
}

export async function the_list_filters_searches_and_keeps_both_in_the_address(d) {
  await d.ended(await d.wave({ name: 'Northern sites', project_uuids: ['a'] }));
  await d.ended(await d.wave({ name: 'Southern sites', project_uuids: ['a'], max_attempts: 1, params: { fail: { times: 9, class: 'data' } } }));
  const page = await d.as('oleg');
  await page.getByRole('searchbox').fill('sites');
  await page.getByRole('link', { name: 'Northern sites' }).waitFor();
  await page.getByRole('button', { name: 'Failed' }).click();
  await page.getByRole('link', { name: 'Northern sites' }).waitFor({ state: 'detached' });
  await page.getByRole('link', { name: 'Southern sites' }).waitFor();
  await until(() => page.url().includes('q=sites'), 'the search in the address');
  assert.match(page.url(), /status=error/);
  await page.reload();
  await page.getByRole('link', { name: 'Southern sites' }).waitFor();
  await page.getByRole('searchbox').fill('no such thing');
  await page.getByRole('button', { name: 'Show all waves' }).click();
  await page.getByRole('link', { name: 'Northern sites' }).waitFor();
}

export async function a_search_is_made_while_everything_moves(d) {
  const page = await d.as('oleg');
  await page.getByRole('heading', { name: 'Waves', level: 1 }).waitFor();
  const moving = await Promise.all(names(12, 'Moving').map((name) => d.wave({ name, project_uuids: names(400), batch_size: 1, params: { sleep_ms: 20 } })));
  await page.getByRole('link', { name: 'Moving-11' }).first().waitFor();
  let renders = 0;
  await page.exposeFunction('rendered', () => renders++);
  await page.evaluate(() => new MutationObserver(() => window.rendered()).observe(document.querySelector('tbody'), { subtree: true, childList: true, attributes: true, characterData: true }));
  const took = [];
  for (const text of ['ing-7', 'ing-8', 'ing-9']) {
    const begun = Date.now();
    await page.getByRole('searchbox').fill(text);
    await until(() => page.url().includes(`q=${text}`), 'the search');
    took.push(Date.now() - begun);
  }
  console.log(`searches were in the address after ${took} ms and ${renders} changes of the table`);
  assert.ok(median(took) < 2000 * slow, `median of ${took} ms`);
  await page.getByRole('link', { name: 'Moving-6' }).first().waitFor({ state: 'detached' });
  await Promise.all(moving.map((id) => d.api('POST', `/api/waves/${id}/stop`, {}).catch(() => undefined))); // or they have ended
}

export async function changes_arrive_within_300_ms_and_without_asking(d) {
  const id = await d.wave({ name: 'Watched by two', project_uuids: names(500), batch_size: 2, params: { sleep_ms: 300 } });
  const page = await d.as('vera');
  const calls = callsOf(page);
  await page.getByRole('link', { name: 'Watched by two' }).waitFor();
  const row = page.getByRole('row', { name: /Watched by two/ });
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await calls.quiet();
  const took = [];
  for (const [verb, word] of [['pause', 'Paused'], ['resume', 'Running'], ['pause', 'Paused'], ['resume', 'Running'], ['pause', 'Paused']]) {
    await page.evaluate((text) => {
      const badge = [...document.querySelectorAll('tr')].find((r) => r.innerText.includes('Watched by two')).querySelector('.badge');
      window.changed = new Promise((resolve) => {
        const watch = new MutationObserver(() => badge.innerText === text && (watch.disconnect(), resolve(Date.now())));
        watch.observe(badge.closest('tr'), { subtree: true, childList: true, characterData: true });
      });
    }, word);
    await d.api('POST', `/api/waves/${id}/${verb}`, {});
    const committed = Date.now();
    took.push((await page.evaluate(() => window.changed)) - committed);
    await page.waitForTimeout(250);
  }
  await row.waitFor();
  console.log(`from the answer to an act to the change on the screen: ${took} ms`);
  assert.ok(median(took) <= 300 * slow, `median of ${took} ms`);
  assert.deepEqual(calls.asked, []);
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function without_events_it_asks_every_three_seconds(d) {
  const id = await d.wave({ name: 'Asked for', project_uuids: names(3), batch_size: 1, params: { sleep_ms: 20000 } });
  const page = await d.page();
  await page.context().route('**/api/events*', (route) => route.fulfill({ status: 503, body: '{}' }));
  await d.signIn(page, 'vera');
  await open(page, id);
  await page.locator('.nav .flow[data-flow=polling]').waitFor();
  await status(page, 'Running');
  const took = [];
  for (const [verb, word] of [['pause', 'Paused'], ['resume', 'Running'], ['pause', 'Paused']]) {
    await d.api('POST', `/api/waves/${id}/${verb}`, {});
    const begin = Date.now();
    await status(page, word);
    took.push(Date.now() - begin);
  }
  assert.ok(median(took) < 4500 * slow, `median of ${took} ms`);
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function a_lost_connection_is_told_and_made_up_for(d) {
  const id = await d.wave({ name: 'Through a tunnel', project_uuids: names(3), batch_size: 1, params: { sleep_ms: 20000 } });
  const way = await tunnel();
  d.own.push(way.url);
  d.expected.push(/net::ERR_/);
  const page = await d.as('vera', { at: way.url, path: `/wave/${id}` });
  await status(page, 'Running');
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  await page.evaluate(() => (window.sameDocument = true));
  way.cut();
  await page.locator('.nav .flow[data-flow=offline]').waitFor();
  await d.api('POST', `/api/waves/${id}/pause`, {});
  way.mend();
  await status(page, 'Paused');
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  assert.ok(await page.evaluate(() => window.sameDocument));
  await d.api('POST', `/api/waves/${id}/stop`, {});
  way.end();
}

export async function what_cannot_be_read_again_is_not_called_live(d) {
  const id = await d.wave({ name: 'Read no more', project_uuids: names(400), batch_size: 2, params: { sleep_ms: 200 } });
  const page = await d.as('oleg');
  await open(page, id);
  const corner = page.locator('.nav .flow');
  await corner.getByText('Live').waitFor();
  const counts = `**/api/waves/${id}/counts`;
  await page.route(counts, (route) => route.fulfill({ status: 503, contentType: 'application/problem+json', body: '{"detail":"PostgreSQL does not answer"}' }));
  await corner.getByText('Behind').waitFor();
  await page.unroute(counts);
  await corner.getByText('Live').waitFor();
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function names_and_lists_of_any_kind_are_borne(d) {
  const name = 'W'.repeat(255);
  const id = await d.wave({ name, project_uuids: ['<b>bold</b>', 'Проект "кавычки"', 'a/b?c#d'], params: { log_lines: 1, result: { brizy_project_domain: 'javascript:alert(1)' } } });
  const page = await d.as('oleg');
  const heading = page.getByRole('heading', { name });
  await open(page, id);
  await status(page, 'Completed');
  assert.ok((await heading.boundingBox()).height < 100, 'three lines of a long name');
  await page.getByText(id, { exact: true }).waitFor();
  await page.getByText('javascript:alert(1)', { exact: true }).first().waitFor();
  assert.equal(await page.getByRole('link', { name: /javascript/ }).count(), 0);
  for (const project of ['<b>bold</b>', 'Проект "кавычки"', 'a/b?c#d']) {
    await page.getByRole('button', { name: project, exact: true }).click();
    await page.getByRole('dialog').getByRole('log').getByText('line 1 of 1').waitFor();
    await page.keyboard.press('Escape');
  }
  await page.goto(`${origin}/wave?new=wave`);
  const dialog = page.getByRole('dialog');
  const file = (name, buffer) => dialog.locator('input[type=file]').setInputFiles({ name, mimeType: 'text/csv', buffer });
  await file('windows.txt', Buffer.from([0xef, 0xf0, 0xee, 0x0a, 0x6f, 0x6b]));
  await dialog.getByText('Line 1: is no UTF-8 text: save the file as UTF-8').waitFor();
  await file('open.csv', Buffer.from('project,brz_project_id\na,1\n"b,2\n'));
  await dialog.getByText('Line 3: a quote is opened and not closed as it should be').waitFor();
  await file('nameless.csv', Buffer.from('uuid,brz\na,x\n'));
  await dialog.getByText('Each whole line is one project here.').waitFor();
}

export async function a_hundred_thousand_rows_scroll(d) {
  const id = await d.wave({ name: 'A hundred thousand', project_uuids: names(100_000), start_at: new Date(Date.now() + 3_600_000).toISOString() });
  const page = await d.as('oleg');
  await open(page, id);
  await page.getByRole('button', { name: 'project-0', exact: true }).waitFor();
  await page.evaluate(() => {
    window.long = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map((e) => e.duration))).observe({ type: 'longtask' });
  });
  const table = page.getByRole('table', { name: 'Migrations of the wave' });
  assert.equal(await table.getAttribute('aria-rowcount'), '100001');
  const to = (part) => table.evaluate((box, p) => (box.scrollTop = (box.scrollHeight - box.clientHeight) * p), part);
  const rounds = []; // each in a part of the list that was not read yet
  for (const above of [0.04, 0.02, 0]) {
    await to(above);
    for (let i = 0; i < 30; i++) {
      await table.evaluate((box, n) => box.scrollBy(0, n), 900);
      await page.waitForTimeout(16);
    }
    for (const part of [0.25, 0.5, 0.75, 1]) {
      await to(part - above);
      await until(async () => (await page.locator('.vbody .vrow:not(.waiting)').count()) > 5, 'rows');
    }
    rounds.push(await page.evaluate(() => window.long.splice(0)));
  }
  await page.getByRole('button', { name: 'project-99999', exact: true }).waitFor();
  assert.ok((await page.getByRole('row').count()) < 80);
  const longest = rounds.map((long) => Math.round(Math.max(0, ...long)));
  console.log(`longest stalls while scrolling: ${longest} ms`);
  assert.ok(median(longest) < 200 * slow, `longest stalls: ${longest} ms`);
  await page.getByRole('searchbox').fill('project-4711');
  await page.getByRole('button', { name: 'project-47110', exact: true }).waitFor();
  await page.getByRole('button', { name: 'project-4711', exact: true }).waitFor();
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function a_log_is_followed_while_it_is_written(d) {
  const id = await d.wave({ name: 'Talkative', project_uuids: ['speaker'], params: { log_lines: 300, sleep_ms: 2500 } });
  const page = await d.as('vera', { path: `/wave/${id}?m=speaker` });
  const log = page.getByRole('log');
  await log.getByText('line 1 of 300', { exact: true }).or(log.getByText('line 300 of 300', { exact: true })).first().waitFor();
  await page.getByText('300 lines', { exact: true }).waitFor();
  await log.getByText('line 300 of 300', { exact: true }).waitFor(); // the end is in sight by itself
  await page.getByRole('tab', { name: 'Attempts' }).click();
  await page.getByText('Attempt 1').waitFor();
  await main(page).waitFor({ state: 'attached' });
}

export async function the_report_is_saved_in_each_form(d) {
  const id = await d.wave({ name: 'To be reported', project_uuids: names(3) });
  await d.ended(id);
  const page = await d.as('vera', { path: `/wave/${id}` });
  for (const [form, words] of [[/HTML/, /^<!doctype html>/i], [/CSV/, /project-1/], [/JSON/, /^{/]]) {
    await page.getByRole('button', { name: 'Report' }).click();
    const [saved] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: form }).click()]);
    const chunks = [];
    for await (const chunk of await saved.createReadStream()) chunks.push(chunk);
    assert.match(Buffer.concat(chunks).toString().replace(/^\uFEFF/, ''), words);
    await page.getByRole('dialog').waitFor({ state: 'detached' });
  }
}
