'use strict';

const { Queue, Worker } = require('bullmq');
const Redis = require('ioredis');
const { settings, body, enqueueAll, main } = require('./peer.cjs');

const connect = () => new (Redis.default || Redis)(settings.redisUrl, { maxRetriesPerRequest: null });

main({
  async enqueue() {
    const queue = new Queue('work', { connection: connect() });
    const opts = { removeOnComplete: true };
    await enqueueAll((ids) => queue.addBulk(ids.map((id) => ({ name: 'job', data: { id }, opts }))));
  },
  async work() {
    const worker = new Worker('work', (job) => body(job.data.id), {
      connection: connect(),
      concurrency: settings.concurrency,
    });
    worker.on('error', (e) => console.error(e));
  },
});
