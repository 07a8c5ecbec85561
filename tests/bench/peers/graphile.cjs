'use strict';

const { makeWorkerUtils, run, Logger } = require('graphile-worker');
const { settings, body, enqueueAll, main } = require('./peer.cjs');

const logger = new Logger(() => (level, message) => {
  if (level === 'error' || level === 'warning') console.error(message);
});

main({
  async enqueue() {
    const utils = await makeWorkerUtils({ connectionString: settings.databaseUrl, logger });
    await utils.migrate();
    await enqueueAll((ids) => utils.addJobs(ids.map((id) => ({ identifier: 'work', payload: { id } }))));
  },
  async work() {
    await run({
      preset: {
        worker: {
          connectionString: settings.databaseUrl,
          concurrentJobs: settings.concurrency,
          maxPoolSize: settings.concurrency + 2,
          localQueue: { size: settings.fetch },
          completeJobBatchDelay: 250,
          failJobBatchDelay: 250,
        },
      },
      logger,
      noHandleSignals: true,
      taskList: { work: (payload) => body(payload.id) },
      parsedCronItems: [],
    });
  },
});
