// The fleet: queues paused and resumed, what each slot does, a worker that is drained.
import { strict as assert } from 'node:assert';
import { median, slow, until } from '../driver.mjs';

const queue = async (d, name) => (await d.api('GET', '/api/queues')).find((q) => q.name === name);

export async function what_waits_and_what_each_slot_does_is_seen(d) {
  const id = await d.wave({ name: 'Seen in the fleet', project_uuids: Array.from({ length: 9 }, (_, i) => `slot-${i}`), batch_size: 2, params: { sleep_ms: 30_000 } });
  const page = await d.as('vera', { path: '/fleet' });
  const row = page.getByRole('row', { name: /^default/ });
  await row.getByText('Open', { exact: true }).waitFor();
  await page.getByRole('link', { name: 'slot-0' }).waitFor();
  await page.getByRole('link', { name: 'slot-1' }).waitFor();
  assert.equal(await page.getByRole('link', { name: 'slot-2' }).count(), 0); // it waits
  assert.equal(await page.getByRole('button', { name: /Pause|Drain/ }).count(), 0); // vera looks on
  await page.getByRole('link', { name: 'slot-0' }).click();
  await page.getByRole('heading', { name: /slot-0/, level: 1 }).waitFor();
  await d.api('POST', `/api/waves/${id}/stop`, {});
  await d.ended(id);
}

export async function a_queue_is_paused_after_a_question_and_resumed(d) {
  const id = await d.wave({ name: 'Held by its queue', project_uuids: ['held-1', 'held-2'], queue: 'side', params: {} }); // nobody serves it
  // On their way to Redis they are counted twice, or not at all.
  await until(async () => (await queue(d, 'side')).ready === 2, 'both lined up');
  const page = await d.as('oleg', { path: '/fleet' });
  const row = page.getByRole('row', { name: /^side/ });
  await row.getByText('Nobody serves it').waitFor();
  await row.getByRole('button', { name: 'Pause queue side' }).click();
  const ask = page.getByRole('dialog', { name: 'Pause the queue “side”?' });
  await ask.getByText('It has 1 open wave, of which 2 migrations wait.').waitFor();
  await ask.getByRole('button', { name: 'Cancel' }).click();
  assert.equal((await queue(d, 'side')).paused, false); // asked, not done
  await row.getByRole('button', { name: 'Pause queue side' }).click();
  await ask.getByRole('button', { name: 'Pause' }).click();
  await row.getByText('Paused').waitFor();
  await row.getByText(/by oleg/).waitFor();
  await row.getByRole('button', { name: 'Resume queue side' }).click();
  await row.getByText('Nobody serves it').waitFor();
  assert.equal((await queue(d, 'side')).paused, false);
  await d.api('POST', `/api/waves/${id}/stop`, {});
}

export async function a_pause_by_another_is_seen_within_300_ms(d) {
  const page = await d.as('vera', { path: '/fleet' });
  await page.getByRole('row', { name: /^default/ }).getByText('Open', { exact: true }).waitFor();
  await page.locator('.nav .flow[data-flow=live]').waitFor();
  const took = [];
  for (let i = 0; i < 5; i++) {
    await page.waitForTimeout(300);
    await page.evaluate(() => {
      window.paused = new Promise((resolve) => {
        new MutationObserver(() => document.querySelector('main table')?.innerText.includes('Paused') && resolve(Date.now()))
          .observe(document.body, { subtree: true, childList: true, characterData: true });
      });
    });
    await d.api('POST', '/api/queues/default/pause', {});
    const committed = Date.now();
    took.push((await page.evaluate(() => window.paused)) - committed);
    await d.api('POST', '/api/queues/default/resume', {});
    await page.getByRole('row', { name: /^default/ }).getByText('Open', { exact: true }).waitFor();
  }
  assert.ok(median(took) <= 300 * slow, `median of ${took} ms`);
}

/** The harness keeps a worker of two slots for this. */
export async function a_worker_is_drained_after_a_question(d) {
  const { id } = (await d.api('GET', '/api/workers')).find((w) => w.concurrency === 2);
  const page = await d.as('oleg', { path: '/fleet' });
  const card = page.getByRole('article', { name: `Worker ${id}` });
  await card.getByText('0 of 2 slots busy').waitFor();
  await page.getByRole('button', { name: `Drain worker ${id}` }).click();
  const ask = page.getByRole('dialog', { name: `Drain worker ${id}?` });
  await ask.getByText('0 migrations that it runs may finish').waitFor();
  await ask.getByText('the fleet has 2 slots less').waitFor();
  await d.checkAccess(page, 'drain');
  await ask.getByRole('button', { name: 'Drain' }).click();
  await card.waitFor({ state: 'detached' });
  await until(async () => !(await d.api('GET', '/api/workers')).some((w) => w.id === id), 'the end of the worker');
}
