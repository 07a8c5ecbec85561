// What the programs of BullMQ, pg-boss and graphile-worker share: settings, the body of a job, the tally
// of this process. README.md says what a program is given and what it writes.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { Pool } = require('pg');

const env = process.env;
const settings = {
  databaseUrl: env.PEER_DATABASE_URL,
  redisUrl: env.PEER_REDIS_URL,
  durable: env.PEER_DURABLE === '1',
  concurrency: Number(env.PEER_CONCURRENCY),
  fetch: Number(env.PEER_FETCH),
  transactional: env.PEER_TRANSACTIONAL === '1',
  jobs: Number(env.PEER_JOBS),
};

const sql = (name) => fs.readFileSync(path.join(__dirname, name), 'utf8');

const tally = { count: 0, first: 0, last: 0 };

function ran(jobs) {
  tally.last = performance.timeOrigin + performance.now();
  tally.first ||= tally.last;
  tally.count += jobs;
}

function writeTally() {
  const file = path.join(env.PEER_DIR, `tally.${process.pid}`);
  fs.writeFileSync(`${file}.new`, `${tally.count} ${tally.first / 1000} ${tally.last / 1000}\n`);
  fs.renameSync(`${file}.new`, file);
}

const pool = settings.durable
  ? new Pool({ connectionString: settings.databaseUrl, max: settings.concurrency })
  : null;
const one = { name: 'work', text: sql('work.sql') };
const many = { name: 'work_batch', text: sql('work_batch.sql') };

// The body of one job.
async function body(id) {
  if (settings.durable) await pool.query({ ...one, values: [id] });
  ran(1);
}

// The body of many at once, on a transaction of the queue's own.
async function bodyOfBatch(ids, db) {
  if (settings.durable) await db.executeSql(many.text, [ids]);
  ran(ids.length);
}

// Calls insert(ids) for all jobs, a thousand at a time.
async function enqueueAll(insert) {
  for (let first = 1; first <= settings.jobs; first += 1000) {
    const count = Math.min(1000, settings.jobs - first + 1);
    await insert(Array.from({ length: count }, (_, i) => first + i));
  }
}

// The program: `enqueue` puts all jobs into the queue and ends; `work` runs until it is killed.
async function main({ enqueue, work }) {
  if (process.argv[2] === 'enqueue') {
    await enqueue();
    process.exit(0);
  }
  await work();
  setInterval(writeTally, 50);
}

module.exports = { settings, body, bodyOfBatch, enqueueAll, main };
