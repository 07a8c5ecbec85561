'use strict';

const { PgBoss } = require('pg-boss');
const { settings, body, bodyOfBatch, enqueueAll, main } = require('./peer.cjs');

async function started(max) {
  const boss = new PgBoss({ connectionString: settings.databaseUrl, max });
  boss.on('error', (e) => console.error(e));
  await boss.start();
  return boss;
}

main({
  async enqueue() {
    const boss = await started(2);
    await boss.createQueue('work');
    await enqueueAll((ids) => boss.insert('work', ids.map((id) => ({ data: { id } }))));
  },
  async work() {
    const boss = await started(4);
    const options = {
      batchSize: settings.fetch,
      burstWhenBatchFull: true,
      pollingIntervalSeconds: 0.5,
    };
    if (settings.transactional) {
      // the batch's work and its completion in one transaction
      await boss.work('work', { ...options, transactional: true },
        (jobs, db) => bodyOfBatch(jobs.map((job) => job.data.id), db));
    } else {
      await boss.work('work', options, (jobs) => Promise.all(jobs.map((job) => body(job.data.id))));
    }
  },
});
