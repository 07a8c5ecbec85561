// Finished per minute. Read once, carried on by events, and read again with the first event of a new minute:
// what this page counts itself may have begun a moment before or after what it read.
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { useTranslation } from 'react-i18next';
import { get, segment } from '../api/client';
import { useEvent, useFlow } from '../api/events';
import type { Wave } from '../api/types';
import { counts } from '../api/waves';
import { number } from '../i18n/format';
import { carriedOn, type Throughput as Data } from '../lib/buckets';
import { throttle } from '../lib/throttle';
import { Problem } from '../ui/problem';
import { Chart } from './chart';

const MINUTES = 60;
const MINUTE_MS = 60_000;
const RESET_MS = 6000;

export function Throughput({ wave }: { wave: Wave }) {
  const { t } = useTranslation('wave');
  const client = useQueryClient();
  const key = ['throughput', wave.id];
  const seen = useRef(counts(wave));
  const minute = useRef(Math.floor(Date.now() / MINUTE_MS));
  const flow = useFlow();
  const { data, error, refetch } = useQuery({
    queryKey: key,
    queryFn: () => get<Data>(`/api/waves/${segment(wave.id)}/throughput`, { minutes: MINUTES }),
    refetchInterval: flow === 'live' || wave.completed_at ? false : MINUTE_MS,
  });
  useEvent('wave', (event) => {
    if (event.id !== wave.id) return;
    const before = seen.current;
    const after = { ...before, ...event.progress };
    seen.current = after;
    const now = Math.floor(Date.now() / MINUTE_MS);
    if (now !== minute.current) void refetch();
    else client.setQueryData<Data>(key, (old) => old && carriedOn(old, before, after, Date.now()));
    minute.current = now;
  });
  useEvent('reset', throttle(`throughput:${wave.id}`, RESET_MS, () => void refetch()));
  const sum = data ? data.completed.reduce((a, b) => a + b, 0) + data.failed.reduce((a, b) => a + b, 0) : 0;
  return (
    <section className="card" aria-label={t('chart.title')}>
      <div className="card-head">
        <h2>{t('chart.title')}</h2>
        <div className="legend">
          <span className="good">{t('live.completed')}</span>
          <span className="bad">{t('live.failed')}</span>
        </div>
      </div>
      <div className="card-body chart-body">
        <Problem error={error} retry={() => void refetch()} />
        {data && <Chart data={data} label={t('chart.label', { count: sum, n: number(sum) })} />}
      </div>
    </section>
  );
}
