// The wave's own log: what was done with it and by whom, newest first.
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { useAgain } from '../api/again';
import { get, segment } from '../api/client';
import { useEvent, usePolling } from '../api/events';
import type { Logs } from '../api/types';
import { Time } from '../ui/time';

const SHOWN = 8;
const AGAIN_MS = 1000;

export function Happened({ id }: { id: string }) {
  const { t } = useTranslation('wave');
  const key = ['wave-log', id];
  const { data } = useQuery({
    queryKey: key,
    queryFn: () => get<Logs>(`/api/waves/${segment(id)}/logs`, { limit: 5000 }),
    refetchInterval: usePolling(),
  });
  const again = useAgain(key, AGAIN_MS);
  useEvent('wave', (event) => event.id === id && again());
  useEvent('reset', again);
  const lines = data?.entries.slice(-SHOWN).reverse() ?? [];
  return (
    <section className="card" aria-label={t('happened')}>
      <div className="card-head"><h2>{t('happened')}</h2></div>
      <ul className="card-body happened">
        {lines.map((l) => (
          <li key={l.id}><span className="muted"><Time at={l.at} /></span> {l.line}</li>
        ))}
        {data && !lines.length && <li className="muted">{t('nothingHappened')}</li>}
      </ul>
    </section>
  );
}
