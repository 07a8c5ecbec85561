// Pausing and resuming a queue, draining a worker: each asks first and says how much it touches.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { post, segment } from '../api/client';
import type { Queue, Worker } from '../api/fleet';
import { number } from '../i18n/format';
import { useConfirm } from '../ui/confirm';
import { useToasts } from '../ui/toast';

export function useFleetActs() {
  const { t } = useTranslation('fleet');
  const client = useQueryClient();
  const confirm = useConfirm();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);

  const send = async (path: string, done: string) => {
    setBusy(true);
    try {
      await post(path);
      toasts.done(done);
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
    await Promise.all([
      client.invalidateQueries({ queryKey: ['queues'] }),
      client.invalidateQueries({ queryKey: ['workers'] }),
    ]);
  };

  const pause = async (q: Queue) => {
    const count = q.waves;
    const yes = await confirm({
      title: t('ask.pause', { name: q.name }),
      text: t('ask.pauseText', { count, n: number(count), waiting: number(q.backlog + q.ready) }),
      action: t('pause'),
    });
    if (yes) await send(`/api/queues/${segment(q.name)}/pause`, t('done.paused', { name: q.name }));
  };
  const resume = (q: Queue) => send(`/api/queues/${segment(q.name)}/resume`, t('done.resumed', { name: q.name }));
  const drain = async (w: Worker) => {
    const yes = await confirm({
      title: t('ask.drain', { id: w.id }),
      text: t('ask.drainText', { count: w.running, n: number(w.running), slots: number(w.concurrency) }),
      action: t('drain'),
      danger: true,
    });
    if (yes) await send(`/api/workers/${w.id}/drain`, t('done.drained', { id: w.id }));
  };
  return { busy, pause, resume, drain };
}
