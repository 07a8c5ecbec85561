// What people do with a wave: pause, resume, stop, restart. Those that stop or repeat work ask first and
// say how many migrations they touch.
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { act, post, segment } from '../api/client';
import type { Wave } from '../api/types';
import { remaining } from '../api/waves';
import { number } from '../i18n/format';
import { useConfirm } from '../ui/confirm';
import { useToasts } from '../ui/toast';

export const canPause = (wave: Wave) => wave.state === 'running';
export const canResume = (wave: Wave) => wave.state === 'paused' || wave.state === 'ready';
export const canStop = (wave: Wave) => ['running', 'paused', 'ready'].includes(wave.state);

interface Restarted {
  total: number;
  success?: number;
  failed?: number;
}

export function useWaveActs() {
  const { t } = useTranslation('waves');
  const client = useQueryClient();
  const confirm = useConfirm();
  const toasts = useToasts();
  const [busy, setBusy] = useState(false);

  const run = async <T,>(wave: Wave, call: () => Promise<T>, done: (answer: T) => string) => {
    setBusy(true);
    try {
      toasts.done(done(await call()));
    } catch (error) {
      toasts.failed(error);
    }
    setBusy(false);
    await Promise.all([
      client.invalidateQueries({ queryKey: ['waves'] }),
      client.invalidateQueries({ queryKey: ['wave', wave.id] }),
    ]);
  };
  const path = (wave: Wave, verb: string) => `/api/waves/${segment(wave.id)}/${verb}`;

  const pause = (wave: Wave) => run(wave, () => post(path(wave, 'pause')), () => t('done.paused', { name: wave.name }));
  const resume = (wave: Wave) => run(wave, () => post(path(wave, 'resume')), () => t('done.resumed', { name: wave.name }));

  const stop = async (wave: Wave) => {
    const count = remaining(wave);
    const yes = await confirm({
      title: t('ask.stop', { name: wave.name }),
      text: t('ask.stopText', { count, n: number(count) }),
      action: t('act.stop'),
      danger: true,
    });
    if (yes) await run(wave, () => post(path(wave, 'stop')), () => t('done.stopped', { name: wave.name }));
  };

  /** `names` empty: all that can be. */
  const restart = async (wave: Wave, names: string[]) => {
    const ask = async (more?: object) => (await post<Restarted>(path(wave, 'restart-all'), { mb_uuids: names, ...more })).data;
    const yes = await confirm({
      title: t('ask.restart', { name: wave.name }),
      text: async () => {
        const { total } = await ask({ dry_run: true });
        return t('ask.restartText', { count: total, n: number(total) });
      },
      action: t('act.restart'),
    });
    if (!yes) return;
    await run(wave, () => ask(), ({ success, total }) => {
      const count = success ?? total;
      return t('done.restarted', { count, n: number(count) });
    });
  };

  const change = (wave: Wave, fields: Record<string, unknown>) =>
    run(wave, () => act('PATCH', `/api/waves/${segment(wave.id)}`, fields), () => t('done.changed', { name: wave.name }));

  return { busy, pause, resume, stop, restart, change };
}
