// How far the wave is, how fast it goes and how long it still takes; all of it moves with the events.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import type { Wave } from '../api/types';
import { recentRate, type Throughput } from '../lib/buckets';
import { counts, remaining } from '../api/waves';
import { decimal, duration, number, percent } from '../i18n/format';
import { rate, type Sample, timeLeft, withSample } from '../lib/rate';
import { ProgressBar } from '../ui/progress';

const TICK_MS = 1000;
/** What this page has seen itself is the better figure from then on. */
const SEEN_MS = 15_000;

/** Finished a second, looked at again each second while the wave runs. */
function useRate(wave: Wave): number | null {
  const samples = useRef<Sample[]>([]);
  const [now, setNow] = useState(() => Date.now());
  const running = wave.state === 'running';
  const minutes = useQueryClient().getQueryData<Throughput>(['throughput', wave.id]);
  const done = wave.progress.total - remaining(wave);
  samples.current = withSample(samples.current, { at: Date.now(), done });
  useEffect(() => {
    if (!running) return undefined;
    const timer = setInterval(() => setNow(Date.now()), TICK_MS);
    return () => clearInterval(timer);
  }, [running]);
  if (!running) return null;
  const until = Math.max(now, samples.current.at(-1)!.at);
  if (minutes && until - samples.current[0]!.at < SEEN_MS) return recentRate(minutes, Date.parse(wave.created_at), until);
  return rate(samples.current, until);
}

function useRateText(perSecond: number | null): string {
  const { t } = useTranslation('wave');
  if (perSecond === null) return '–';
  return perSecond >= 1 ? t('rate.second', { n: decimal(perSecond, perSecond < 100 ? 1 : 0) }) : t('rate.minute', { n: decimal(perSecond * 60) });
}

function Figure({ name, value, look }: { name: string; value: string; look?: string }) {
  return (
    <div className={look ? `figure ${look}` : 'figure'}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

export function Live({ wave }: { wave: Wave }) {
  const { t } = useTranslation('wave');
  const perSecond = useRate(wave);
  const rateText = useRateText(perSecond);
  const c = counts(wave);
  const left = remaining(wave);
  const time = timeLeft(left, perSecond);
  const took = wave.completed_at ? duration(Date.parse(wave.completed_at) - Date.parse(wave.created_at)) : null;
  return (
    <section className="card live" aria-label={t('live.title')}>
      <div className="live-head">
        <span className="live-percent">{percent(c.total - left, c.total)}</span>
        <span className="muted">{t('live.of', { done: number(c.total - left), total: number(c.total) })}</span>
      </div>
      <ProgressBar counts={c} large label={t('live.title')} />
      <dl className="figures">
        <Figure name={t('live.completed')} value={number(c.completed)} look="good" />
        <Figure name={t('live.failed')} value={number(c.failed)} look={c.failed ? 'bad' : undefined} />
        <Figure name={t('live.cancelled')} value={number(c.cancelled)} />
        <Figure name={t('live.left')} value={number(left)} />
        {took ? (
          <Figure name={t('live.took')} value={took} />
        ) : (
          <>
            <Figure name={t('live.rate')} value={rateText} />
            <Figure name={t('live.timeLeft')} value={wave.state === 'running' && time !== null ? duration(time) : '–'} />
          </>
        )}
      </dl>
    </section>
  );
}
